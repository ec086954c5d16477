@echo off
rem Opens the local page. Your files are in the folder "work" beside this one.
setlocal
if not exist "%~dp0python\python.exe" goto zipped
if not exist "%~dp0work" mkdir "%~dp0work"
"%~dp0python\python.exe" -m importer -C "%~dp0work" web
if errorlevel 1 pause
exit /b

:zipped
echo This file is still in the zip. Unzip it first: right-click the zip and choose "Extract All".
echo Then double-click Start.cmd in the new folder.
pause
