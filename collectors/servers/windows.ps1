# What is read of a Windows server: Windows PowerShell 4 or later, nothing but what the system brings. Line 1 of what is sent sets $wanted.
# Each part prints one line: its name, whether it was read, the length in bytes and the text in base64, so that neither the language
# nor the code page of the console matters. A part that fails says why and stops no other. Nothing is written but two temporary files.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$tab = [string][char]9
$line_end = [string][char]10
[Threading.Thread]::CurrentThread.CurrentCulture = [Globalization.CultureInfo]::InvariantCulture

function cell($value) {
    if ($null -eq $value) { return '' }
    if ($value -is [bool]) { if ($value) { return 'yes' } else { return 'no' } }
    if ($value -is [datetime]) { return $value.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss') + '+00:00' }
    return ([string]$value) -replace '[\t\r\n]+', ' '
}
function row { (@($args) | ForEach-Object { cell $_ }) -join $tab }
function setting($key, $value) { $key + '=' + (cell $value) }
function reg($path, $key) {
    if (-not (Test-Path -LiteralPath "HKLM:\$path")) { return '' }
    $found = (Get-Item -LiteralPath "HKLM:\$path").GetValue($key)
    if ($null -eq $found) { return '' }
    return $found
}
function either($policy, $path, $key) {
    $found = reg $policy $key
    if ('' -eq [string]$found) { $found = reg $path $key }
    return $found
}
function export([scriptblock]$write, $encoding) {
    $file = Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid().ToString() + '.wanglou')
    try {
        $null = & $write $file
        if ($LASTEXITCODE -ne 0) { throw "ended with status $LASTEXITCODE" }
        [IO.File]::ReadAllLines($file, $encoding)
    }
    finally { if (Test-Path -LiteralPath $file) { Remove-Item -LiteralPath $file -Force } }
}
function part($name, [scriptblock]$read) {
    if ($wanted -notcontains $name) { return }
    try { $body = ((@(& $read) + '# end') -join $line_end) + $line_end; $state = 'ok' }
    catch { $body = $_.Exception.Message; $state = 'failed' }
    $bytes = [Text.Encoding]::UTF8.GetBytes($body)
    [Console]::Out.WriteLine(('wanglou:part', $name, $state, $bytes.Length, [Convert]::ToBase64String($bytes)) -join ' ')
}

part 'figures' {
    $os = Get-CimInstance Win32_OperatingSystem
    row 'uptime' ([int64]((Get-Date) - $os.LastBootUpTime).TotalSeconds)
    row 'memory' $os.TotalVisibleMemorySize $os.FreePhysicalMemory
    row 'processes' $os.NumberOfProcesses
    row 'processors' (Get-CimInstance Win32_ComputerSystem).NumberOfLogicalProcessors
    $all = Get-CimInstance Win32_PerfRawData_PerfOS_Processor -Filter "Name='_Total'"
    row 'processor' $all.PercentProcessorTime $all.Timestamp_Sys100NS
    foreach ($one in Get-CimInstance Win32_PageFileUsage) { row 'pagefile' $one.AllocatedBaseSize $one.CurrentUsage }
    foreach ($one in Get-CimInstance Win32_Volume -Filter 'DriveType=3') { row 'volume' $one.Name $one.DeviceID $one.Capacity $one.FreeSpace }
    foreach ($one in Get-CimInstance Win32_PerfRawData_PerfDisk_PhysicalDisk -Filter "Name<>'_Total'") {
        row 'disk' $one.Name $one.DiskReadBytesPersec $one.DiskWriteBytesPersec $one.PercentIdleTime $one.Timestamp_Sys100NS
    }
    foreach ($one in Get-CimInstance Win32_PerfRawData_Tcpip_NetworkInterface) {
        row 'interface' $one.Name $one.BytesReceivedPersec $one.BytesSentPersec $one.PacketsReceivedErrors $one.PacketsOutboundErrors
    }
}
part 'services' {
    foreach ($one in Get-CimInstance Win32_Service) {
        $start = @{ Auto = 'enabled'; Manual = 'manual'; Disabled = 'disabled' }[[string]$one.StartMode]
        row $one.Name $start ([string]$one.State).ToLowerInvariant()
    }
}
part 'ports' {
    $names = @{}
    foreach ($one in Get-Process) { $names[[int]$one.Id] = $one.ProcessName }
    foreach ($one in Get-NetTCPConnection -State Listen) { row 'tcp' $one.LocalAddress $one.LocalPort $names[[int]$one.OwningProcess] }
    foreach ($one in Get-NetUDPEndpoint) { row 'udp' $one.LocalAddress $one.LocalPort $names[[int]$one.OwningProcess] }
}
part 'time' {
    setting 'type' (reg 'SYSTEM\CurrentControlSet\Services\W32Time\Parameters' 'Type')
    setting 'servers' (reg 'SYSTEM\CurrentControlSet\Services\W32Time\Parameters' 'NtpServer')
    setting 'running' ((Get-CimInstance Win32_Service -Filter "Name='W32Time'").State -eq 'Running')
    $ErrorActionPreference = 'Continue'
    $status = @(w32tm.exe /query /status /verbose 2>$null)
    setting 'status' $LASTEXITCODE
    foreach ($line in $status) { setting 'line' $line }
}
part 'windows.system' {
    $os = Get-CimInstance Win32_OperatingSystem
    $computer = Get-CimInstance Win32_ComputerSystem
    setting 'name' $computer.Name
    setting 'caption' $os.Caption
    setting 'version' $os.Version
    setting 'build' $os.BuildNumber
    setting 'product_type' $os.ProductType
    setting 'language' $os.OSLanguage
    setting 'domain' $computer.Domain
    setting 'in_domain' $computer.PartOfDomain
    setting 'manufacturer' $computer.Manufacturer
    setting 'model' $computer.Model
    setting 'installed' $os.InstallDate
}
part 'windows.policy' { export { param($file) secedit.exe /export /cfg $file /areas SECURITYPOLICY USER_RIGHTS } ([Text.Encoding]::Unicode) }
part 'windows.audit' { export { param($file) auditpol.exe /backup "/file:$file" } ([Text.Encoding]::Default) }
part 'windows.accounts' {
    if ((Get-CimInstance Win32_OperatingSystem).ProductType -eq 2) { throw 'a domain controller has no local accounts' }
    foreach ($one in Get-CimInstance Win32_UserAccount -Filter 'LocalAccount=True') {
        $user = [ADSI]"WinNT://./$($one.Name),user"
        $login = $null
        try { $login = $user.LastLogin.Value } catch { $login = $null }
        $changed = (Get-Date).AddSeconds(-[double]$user.PasswordAge.Value)
        row $one.Name $one.SID (-not $one.Disabled) $one.PasswordRequired $one.PasswordExpires $one.Lockout $changed $login
    }
}
part 'windows.groups' {
    if ((Get-CimInstance Win32_OperatingSystem).ProductType -eq 2) { throw 'a domain controller has no local groups' }
    foreach ($sid in 'S-1-5-32-544', 'S-1-5-32-546', 'S-1-5-32-551', 'S-1-5-32-555', 'S-1-5-32-573', 'S-1-5-32-580') {
        $full = (New-Object Security.Principal.SecurityIdentifier $sid).Translate([Security.Principal.NTAccount]).Value
        $group = [ADSI]"WinNT://./$($full.Split('\')[-1]),group"
        foreach ($member in @($group.psbase.Invoke('Members'))) {
            $kind = $member.GetType()
            $bytes = $kind.InvokeMember('objectSid', 'GetProperty', $null, $member, $null)
            $path = $kind.InvokeMember('ADsPath', 'GetProperty', $null, $member, $null)
            row $sid (New-Object Security.Principal.SecurityIdentifier($bytes, 0)).Value ($path -replace '^WinNT://', '')
        }
    }
}
part 'windows.logs' {
    foreach ($log in 'Application', 'Security', 'System') {
        $one = Get-WinEvent -ListLog $log
        $oldest = $null
        try { $oldest = (Get-WinEvent -LogName $log -Oldest -MaxEvents 1).TimeCreated } catch { $oldest = $null }
        row $one.LogName $one.IsEnabled ([int64]($one.MaximumSizeInBytes / 1024)) $one.LogMode $one.RecordCount $oldest $one.SecurityDescriptor
    }
}
part 'windows.security' {
    $desktop = 'SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services'
    $listener = 'SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp'
    $denied = either $desktop 'SYSTEM\CurrentControlSet\Control\Terminal Server' 'fDenyTSConnections'
    setting 'rdp.enabled' ([string]$denied -eq '0')
    foreach ($key in 'SecurityLayer', 'MinEncryptionLevel', 'UserAuthentication', 'MaxIdleTime', 'MaxDisconnectionTime') {
        setting "rdp.$key" (either $desktop $listener $key)
    }
    $system = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
    foreach ($key in 'InactivityTimeoutSecs', 'EnableLUA', 'DontDisplayLastUserName') { setting "system.$key" (reg $system $key) }
    setting 'logon.AutoAdminLogon' (reg 'SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon' 'AutoAdminLogon')
    $lsa = 'SYSTEM\CurrentControlSet\Control\Lsa'
    foreach ($key in 'NoLMHash', 'LmCompatibilityLevel', 'RestrictAnonymous', 'RestrictAnonymousSAM', 'EveryoneIncludesAnonymous') { setting "lsa.$key" (reg $lsa $key) }
    setting 'memory.ClearPageFileAtShutdown' (reg 'SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management' 'ClearPageFileAtShutdown')
    setting 'autorun.NoDriveTypeAutoRun' (reg 'SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\Explorer' 'NoDriveTypeAutoRun')
    foreach ($key in 'AutoShareServer', 'AutoShareWks') { setting "shares.$key" (reg 'SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters' $key) }
    foreach ($version in 'SSL 2.0', 'SSL 3.0', 'TLS 1.0', 'TLS 1.1') {
        $path = "SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\$version\Server"
        setting ('tls.' + $version.Replace(' ', '').Replace('.', '_')) (reg $path 'Enabled')
    }
    setting 'forwarding.subscription' (reg 'SOFTWARE\Policies\Microsoft\Windows\EventLog\EventForwarding\SubscriptionManager' '1')
}
part 'windows.winrm' {
    $is_running = (Get-CimInstance Win32_Service -Filter "Name='WinRM'").State -eq 'Running'
    setting 'running' $is_running
    if ($is_running) {
        setting 'unencrypted' (Get-Item WSMan:\localhost\Service\AllowUnencrypted).Value
        setting 'basic' (Get-Item WSMan:\localhost\Service\Auth\Basic).Value
    }
}
part 'windows.smb' {
    $server = Get-SmbServerConfiguration
    setting 'smb1' $server.EnableSMB1Protocol
    setting 'signing' $server.RequireSecuritySignature
    setting 'encryption' $server.EncryptData
}
part 'windows.shares' {
    foreach ($one in Get-CimInstance Win32_Share) {
        $everyone = 'none'
        $setting = Get-CimInstance Win32_LogicalShareSecuritySetting | Where-Object { $_.Name -eq $one.Name }
        if ($setting) {
            $found = Invoke-CimMethod -InputObject $setting -MethodName GetSecurityDescriptor
            if ($found.ReturnValue -ne 0) { $everyone = 'unknown' }
            elseif (-not ($found.Descriptor.ControlFlags -band 4)) { $everyone = 'write' }
            foreach ($entry in @($found.Descriptor.DACL | Where-Object { $_.Trustee.SIDString -eq 'S-1-1-0' -and $_.AceType -eq 0 })) {
                if ($entry.AccessMask -band 2) { $everyone = 'write' } elseif ($everyone -eq 'none') { $everyone = 'read' }
            }
        }
        row $one.Name $one.Type $one.Path $everyone
    }
}
part 'windows.firewall' {
    foreach ($one in Get-NetFirewallProfile -PolicyStore ActiveStore) { row ([string]$one.Name) ([string]$one.Enabled) ([string]$one.DefaultInboundAction) }
}
part 'windows.firewall.rules' {
    $ports = @{}
    $addresses = @{}
    $programs = @{}
    foreach ($one in Get-NetFirewallPortFilter -PolicyStore ActiveStore) { $ports[$one.InstanceID] = $one }
    foreach ($one in Get-NetFirewallAddressFilter -PolicyStore ActiveStore) { $addresses[$one.InstanceID] = $one }
    foreach ($one in Get-NetFirewallApplicationFilter -PolicyStore ActiveStore) {
        $programs[$one.InstanceID] = $one.Program
        if ($one.Package) { $programs[$one.InstanceID] = $one.Package }
    }
    foreach ($one in Get-NetFirewallRule -PolicyStore ActiveStore -Enabled True -Direction Inbound -Action Allow) {
        $port = $ports[$one.InstanceID]
        foreach ($local in @($port.LocalPort)) {
            row $one.Name ([string]$port.Protocol) ([string]$local) (@($addresses[$one.InstanceID].RemoteAddress) -join ',') ([string]$one.Profile) $programs[$one.InstanceID]
        }
    }
}
part 'windows.features' {
    if ((Get-CimInstance Win32_OperatingSystem).ProductType -eq 1) {
        foreach ($one in Get-WindowsOptionalFeature -Online | Where-Object { [string]$_.State -eq 'Enabled' }) { row $one.FeatureName }
    }
    else { foreach ($one in Get-WindowsFeature | Where-Object { $_.Installed }) { row $one.Name } }
}
part 'windows.software' {
    foreach ($root in 'SOFTWARE', 'SOFTWARE\WOW6432Node') {
        $path = "HKLM:\$root\Microsoft\Windows\CurrentVersion\Uninstall"
        if (-not (Test-Path -LiteralPath $path)) { continue }
        foreach ($key in Get-ChildItem -LiteralPath $path) {
            if ($key.GetValue('DisplayName')) { row $key.GetValue('DisplayName') $key.GetValue('DisplayVersion') $key.GetValue('Publisher') }
        }
    }
}
part 'windows.updates' {
    $fixes = @(Get-HotFix | Where-Object { $_.InstalledOn -is [datetime] } | Sort-Object InstalledOn)
    if ($fixes.Count) { setting 'last_update' $fixes[-1].InstalledOn } else { setting 'last_update' '' }
    setting 'last_search' (New-Object -ComObject Microsoft.Update.AutoUpdate).Results.LastSearchSuccessDate
    $searcher = (New-Object -ComObject Microsoft.Update.Session).CreateUpdateSearcher()
    $searcher.Online = $false
    $waiting = @($searcher.Search("IsInstalled=0 and IsHidden=0 and Type='Software'").Updates)
    $grave = @($waiting | Where-Object { 'Critical', 'Important' -contains $_.MsrcSeverity })
    setting 'pending' $waiting.Count
    setting 'pending_security' $grave.Count
    if ($grave.Count) { setting 'oldest_security' ($grave | ForEach-Object { $_.LastDeploymentChangeTime } | Sort-Object | Select-Object -First 1) }
}
part 'windows.defender' {
    if (-not (Get-Command Get-MpComputerStatus -ErrorAction SilentlyContinue)) { setting 'installed' $false; return }
    $status = Get-MpComputerStatus
    setting 'installed' $true
    setting 'enabled' $status.AntivirusEnabled
    setting 'real_time' $status.RealTimeProtectionEnabled
    setting 'signatures' $status.AntivirusSignatureLastUpdated
}
part 'windows.encryption' {
    $kept = @{}
    $space = 'root/CIMV2/Security/MicrosoftVolumeEncryption'
    if (Get-CimInstance -Namespace 'root/CIMV2/Security' -ClassName __NAMESPACE | Where-Object { $_.Name -eq 'MicrosoftVolumeEncryption' }) {
        foreach ($one in Get-CimInstance -Namespace $space -ClassName Win32_EncryptableVolume) { $kept[$one.DeviceID] = @('off', 'on', 'unknown')[[int]$one.ProtectionStatus] }
    }
    foreach ($one in Get-CimInstance Win32_Volume -Filter 'DriveType=3') {
        $state = 'off'
        if ($kept.ContainsKey($one.DeviceID)) { $state = $kept[$one.DeviceID] }
        if ($one.DriveLetter) { row $one.DriveLetter $state }
    }
}
part 'clock' { setting 'now' ([DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ss.ffffff') + '+00:00') }
[Console]::Out.WriteLine('wanglou:end')
