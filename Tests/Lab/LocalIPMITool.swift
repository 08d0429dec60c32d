import Foundation

/// An ipmitool that asks a simulated BMC in place of the kernel's device: the tool of a host.
public enum LocalIPMITool {
  public static let isPossible = FileManager.default.isExecutableFile(atPath: "/usr/bin/ipmitool")

  /// A folder for the path of a shell.
  public static func folder(for bmc: BMC) -> Scratch {
    let folder = Scratch()
    folder.write(
      "ipmitool",
      """
      #!/bin/sh
      exec /usr/bin/ipmitool -I lanplus -C 3 -H \(bmc.address) -p \(bmc.port) -U admin -P secret "$@"

      """, mode: 0o755)
    return folder
  }
}
