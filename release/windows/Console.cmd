@echo off
rem Opens PowerShell in the folder "work"; there "importer" is a command.
set "PATH=%~dp0;%PATH%"
if not exist "%~dp0work" mkdir "%~dp0work"
pushd "%~dp0work"
powershell -NoLogo -NoExit -Command "'Type a command, such as: importer --help'"
