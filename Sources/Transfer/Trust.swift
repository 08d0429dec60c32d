internal import CSSL
public import Engine
internal import Synchronization

/// The authorities whose signatures are trusted.
public enum Trust: Sendable, Hashable {
  /// The system's authorities.
  case system
  /// The authorities of a PEM file besides the system's.
  case systemAnd(String)
  /// The authorities of a PEM file only.
  case only(String)

  /// The authorities of a PEM file only; those of the system without one.
  public init(only file: String?) { self = file.map(Trust.only) ?? .system }
}

/// A store of authorities, read once per process and used by all connections.
///
/// libcurl would read and parse the system's bundle for each handle, which costs more than the rest
/// of a transfer. Unchecked: OpenSSL locks its store.
public final class Authorities: @unchecked Sendable {
  private let store: OpaquePointer

  private static let known = Mutex<[Trust: Authorities]>([:])
  private static let readers = BlockingPool(name: "authorities", threads: 2)

  /// The store of that trust; a file without certificates is an error.
  public static func of(
    _ trust: Trust, on reactor: isolated Reactor, by deadline: Deadline
  ) async throws(TransferError) -> Authorities {
    if let found = known.withLock({ $0[trust] }) { return found }
    let read = await readers.run(by: deadline, on: reactor) {
      () -> Result<Authorities, TransferError> in
      // The lock is held during the read: many callers want the same store at the same time.
      known.withLock { known in
        if let found = known[trust] { return .success(found) }
        do throws(TransferError) {
          let made = try Authorities(trust)
          known[trust] = made
          return .success(made)
        } catch {
          return .failure(error)
        }
      }
    }
    switch read {
    case .success(let authorities): return authorities
    case .failure(let error): throw error
    case nil: throw TransferError(.timeout, "the file of authorities was not read in time")
    }
  }

  private init(_ trust: Trust) throws(TransferError) {
    guard let store = X509_STORE_new() else {
      throw TransferError(.local, "no memory for the authorities")
    }
    self.store = store
    // As libcurl does: a certificate that is itself in the file ends the chain, self-signed or not.
    X509_STORE_set_flags(store, UInt(X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN))
    if case .only = trust {} else { X509_STORE_set_default_paths(store) }
    switch trust {
    case .system: break
    case .systemAnd(let path), .only(let path):
      guard X509_STORE_load_file(store, path) == 1 else {
        throw TransferError(.invalid, "\(path): no certificates in PEM can be read there")
      }
    }
    // Errors of single certificates stay in this thread's queue, and are cleared.
    ERR_clear_error()
  }

  deinit { X509_STORE_free(store) }

  /// Prepares a verification against this store. The corresponding C function is `X509_STORE_CTX_init`.
  func begin(
    _ verification: OpaquePointer, _ leaf: OpaquePointer, _ chain: OpaquePointer?
  ) -> Bool {
    X509_STORE_CTX_init(verification, store, leaf, chain) == 1
  }

  /// Makes connections of the SSL_CTX verify against this store; the SSL_CTX holds its own
  /// reference.
  public func adopt(_ context: OpaquePointer) { SSL_CTX_set1_cert_store(context, store) }
}
