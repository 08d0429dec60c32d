/// Derives a host's page size from two files that count the same memory, one in kB and one in
/// pages.
///
/// It is 4 kB on x86, but 16 or 64 kB on some ARM and POWER kernels, and `getconf` would cost the
/// host a process. The kernel prints the page tables and the mapped pages in /proc/meminfo as kB
/// and in /proc/vmstat as pages: the quotient is the page size. The two files are read at slightly
/// different times, so the quotient may deviate; it counts only if it is near a power of two.
public enum PageSize {
  /// The page size in bytes; nil if the files do not agree on one.
  public static func infer(_ memory: Meminfo.Reading, _ pages: Vmstat.Reading) -> UInt64? {
    nearest(memory["Mapped"], pages.mapped) ?? nearest(memory["PageTables"], pages.pageTables)
  }

  private static func nearest(_ bytes: UInt64?, _ pages: UInt64?) -> UInt64? {
    guard let bytes, let pages, pages > 0 else { return nil }
    let quotient = Double(bytes) / Double(pages)
    for size in [4096, 8192, 16384, 65536, 262_144] as [UInt64]
    where (quotient / Double(size) - 1).magnitude < 0.2 {
      return size
    }
    return nil
  }
}
