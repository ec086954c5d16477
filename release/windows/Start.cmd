@echo off
rem Opens the local page. Your files are in the folder "work" beside this one.
setlocal
if not exist "%~dp0work" mkdir "%~dp0work"
cd /d "%~dp0work"
"%~dp0python\python.exe" -m importer web
if errorlevel 1 pause
