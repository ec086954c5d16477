@echo off
rem The command line, as in: importer check roster.xlsx -m mapping.yaml
"%~dp0python\python.exe" -m importer %*
