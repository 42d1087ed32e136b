internal import COpenSSL

/// OpenSSL's per-thread error queue. Every failing call leaves it empty, because a stale entry there would be
/// blamed on an unrelated TLS connection later.
enum LibraryErrors {
    static func clear() { ERR_clear_error() }

    /// The newest reason in words, or `fallback`; the queue is empty afterwards.
    static func take(_ fallback: String) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            guard gh_crypto_take_error(text.baseAddress, text.count) == 1, let start = text.baseAddress else {
                return fallback
            }
            return String(cString: start)
        }
    }
}
