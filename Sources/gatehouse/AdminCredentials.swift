internal import Crypto
internal import Foundation
internal import Identity

/// What a data folder holds for its administrators: authority, server certificate, token and kubeconfig.
struct AdminCredentials: Sendable {
    let authority: AdminAuthority
    let server: KeyedChain
    let token: String

    /// Loads what is there and makes what is missing; keys and tokens get mode 0600.
    static func open(_ directory: String, names: [String], at now: Int64) throws -> AdminCredentials {
        let folder = directory + "/admin"
        try PrivateFile.makeDirectory(folder)
        let authority = try AdminAuthority.open(in: folder, at: now)
        let server = try authority.serverCredential(
            in: folder,
            names: ServerNames(hostName: ProcessInfo.processInfo.hostName, extra: names),
            at: now
        )
        let path = directory + "/admin.token"
        let token: String
        if let stored = try PrivateFile.readText(path)?.trimmingCharacters(in: .whitespacesAndNewlines), !stored.isEmpty
        {
            token = stored
        } else {
            token = SecureRandom.token()
            try PrivateFile.write(token + "\n", to: path)
        }
        try PrivateFile.write(authority.trustBundle.pem, to: directory + "/admin-ca.pem")
        return AdminCredentials(authority: authority, server: server, token: token)
    }

    /// The file that makes kubectl and our own client administrators; it names the port that was really bound.
    func writeKubeconfig(_ directory: String, server: String) throws {
        try PrivateFile.write(
            Kubeconfig.text(server: server, authority: authority.trustBundle.pem, token: token),
            to: directory + "/admin.kubeconfig"
        )
    }
}
