@echo off
rem Opens a window for commands in the folder "work", as in: importer check roster.xlsx -m mapping.yaml
set "PATH=%~dp0;%PATH%"
if not exist "%~dp0work" mkdir "%~dp0work"
pushd "%~dp0work"
cmd /k echo Type a command, such as: importer --help
