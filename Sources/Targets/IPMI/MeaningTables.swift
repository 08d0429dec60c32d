internal import CFreeIPMI
internal import Synchronization

/// FreeIPMI's tables of what readings and events mean, for the BMC of one maker and product.
///
/// Making them takes as long as two requests to a BMC, so those of a BMC that was read are kept for the next one.
final class MeaningTables {
  /// Used by one thread at a time.
  private struct Tables: @unchecked Sendable {
    let context: ipmi_interpret_ctx_t
  }

  private static let spare = Mutex<[Tables]>([])
  /// The limit of tables that are kept.
  private static let most = 16

  private let tables: Tables
  var context: ipmi_interpret_ctx_t { tables.context }

  /// Nil if there is no memory for them.
  init?(_ device: BMCDevice) {
    guard let tables = Self.spare.withLock({ $0.popLast() }) ?? Self.new else { return nil }
    self.tables = tables
    ipmi_interpret_ctx_set_manufacturer_id(context, device.manufacturer)
    ipmi_interpret_ctx_set_product_id(context, device.product)
  }

  private static var new: Tables? {
    guard let context = ipmi_interpret_ctx_create() else { return nil }
    ipmi_interpret_ctx_set_flags(context, UInt32(IPMI_INTERPRET_FLAGS_INTERPRET_OEM_DATA))
    return Tables(context: context)
  }

  deinit {
    let isKept = Self.spare.withLock { [tables] spare in
      guard spare.count < Self.most else { return false }
      spare.append(tables)
      return true
    }
    if !isKept { ipmi_interpret_ctx_destroy(context) }
  }
}
