internal import Base
internal import COpenSSL

/// Answers about a server's own certificates that it shows to clients that ask (RFC 6066 §8).
struct TLSStaples {
    private struct Entry {
        /// Belongs to the context as well, which keeps it alive.
        var leaf: OpaquePointer
        var response: [UInt8]
        /// Seconds since 1970; nil when the responder promised no newer answer.
        var ends: Int64?
    }

    private var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }

    /// - Throws: when the bytes are no OCSP response, or not about this certificate.
    mutating func add(_ response: [UInt8], about leaf: OpaquePointer) throws(TLSConfigurationError) {
        var ends: Int64 = 0
        switch gh_ocsp_answers(response, response.count, leaf, &ends) {
        case 1: entries.append(Entry(leaf: leaf, response: response, ends: ends == 0 ? nil : ends))
        case -1:
            ERR_clear_error()
            throw TLSConfigurationError("OCSP staple: it is not about this certificate")
        default:
            ERR_clear_error()
            throw TLSConfigurationError("OCSP staple: no successful OCSP response")
        }
    }

    /// The answer about `leaf` while it is in date.
    func response(about leaf: OpaquePointer?, at now: Int64) -> [UInt8]? {
        guard let entry = entries.first(where: { $0.leaf == leaf }) else { return nil }
        if let ends = entry.ends, ends <= now { return nil }
        return entry.response
    }
}

/// The handshake has chosen its certificate and the client asked for its status.
func showStaple(_ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
    guard let ssl, let data = gh_tls_app_data(SSL_get_SSL_CTX(ssl)) else { return SSL_TLSEXT_ERR_NOACK }
    let context = Unmanaged<TLSContext>.fromOpaque(data).takeUnretainedValue()
    let now = Int64(time(nil))
    guard let response = context.staples.response(about: SSL_get_certificate(ssl), at: now),
        gh_tls_staple(ssl, response, response.count) == 1
    else { return SSL_TLSEXT_ERR_NOACK }
    return SSL_TLSEXT_ERR_OK
}
