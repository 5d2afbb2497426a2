@echo off
rem Made by cleave; Windows runs this once, at the first logon.
for %%d in (D E F G H I J) do if exist %%d:\virtio-win-guest-tools.exe start /wait "" %%d:\virtio-win-guest-tools.exe /install /quiet /norestart
for %%d in (D E F G H I J) do if exist %%d:\guest-agent\qemu-ga-x86_64.msi if not exist %%d:\virtio-win-guest-tools.exe start /wait msiexec /i %%d:\guest-agent\qemu-ga-x86_64.msi /qn /norestart
pnputil /add-driver "%~dp0driver\*.inf" /subdirs /install
echo cleave: installed> \\.\COM1
shutdown /s /t 10
