import Crypto
import Testing

@Suite struct TextEncodingsTests {
    // RFC 4648 §10.
    static let rows: [(String, String)] = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    @Test("base 64 of the RFC's vectors, both ways", arguments: rows)
    func base64(_ row: (String, String)) {
        #expect(Base64.encode(Array(row.0.utf8)) == row.1)
        #expect(Base64.decode(row.1) == Array(row.0.utf8))
        let unpadded = row.1.replacing("=", with: "")
        #expect(Base64.encodeURL(Array(row.0.utf8)) == unpadded)
        #expect(Base64.decodeURL(unpadded) == Array(row.0.utf8))
    }

    @Test("malformed base 64 is nil", arguments: ["Zg", "Zg=", "Z===", "Zh==", "Zm9v!", "Zm 9v", "Zg==Zg==", "===="])
    func malformed(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func `base 64 for URLs refuses padding and the other alphabet`() {
        #expect(Base64.decodeURL("Zg==") == nil)
        #expect(Base64.decodeURL("+/+/") == nil)
        #expect(Base64.decodeURL("-_-_") == [0xFB, 0xFF, 0xBF])
        #expect(Base64.decodeURL("Zh") == nil)
    }

    @Test func `line breaks inside base 64 are skipped`() {
        #expect(Base64.decode("Zm9v\nYmFy\r\n") == Array("foobar".utf8))
    }

    @Test func `hex reads both cases and refuses the rest`() {
        #expect(Hex.encode([0x00, 0xAB, 0xFF]) == "00abff")
        #expect(Hex.decode("00aBfF") == [0x00, 0xAB, 0xFF])
        #expect(Hex.decode("0") == nil)
        #expect(Hex.decode("0g") == nil)
    }
}

@Suite struct DigestTests {
    @Test func `hashes of abc are those of FIPS 180`() {
        let abc = Array("abc".utf8)
        #expect(
            Hex.encode(Digest.sha256(abc)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        #expect(Hex.encode(Digest.sha1(abc)) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(Hex.encode(Digest.sha256([])).hasPrefix("e3b0c442"))
        #expect(Digest.sha512(abc).count == 64)
    }

    @Test func `an HMAC is that of RFC 4231 case 2`() {
        let tag = Digest.hmacSHA256(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
        #expect(Hex.encode(tag) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(Digest.hmacSHA256(key: [], []).count == 32)
    }

    @Test func `random bytes differ and tokens carry 256 bits`() {
        #expect(SecureRandom.bytes(16) != SecureRandom.bytes(16))
        #expect(SecureRandom.bytes(0).isEmpty)
        #expect(SecureRandom.token().utf8.count == 43)
        let uuid = SecureRandom.uuid()
        #expect(uuid.count == 36)
        #expect(Array(uuid)[14] == "4")
    }

    @Test func `constant time comparison compares everything`() {
        #expect(ConstantTime.equal([1, 2, 3], [1, 2, 3]))
        #expect(!ConstantTime.equal([1, 2, 3], [1, 2, 4]))
        #expect(!ConstantTime.equal([1, 2], [1, 2, 3]))
        #expect(ConstantTime.equal([], []))
    }
}

@Suite struct SealingKeyTests {
    @Test("what was sealed opens again", arguments: [0, 1, 16, 100_000])
    func roundTrip(_ count: Int) throws {
        let key = SealingKey.generate()
        let plaintext = SecureRandom.bytes(count)
        let sealed = key.seal(plaintext, context: [7])
        #expect(sealed.count == count + 28)
        #expect(try key.open(sealed, context: [7]) == plaintext)
    }

    @Test func `two seals of one text differ`() {
        let key = SealingKey.generate()
        #expect(key.seal([1]) != key.seal([1]))
    }

    @Test func `a changed byte, another key or another context does not open`() throws {
        let key = SealingKey.generate()
        var sealed = key.seal([1, 2, 3], context: [1])
        #expect(throws: SealError.notAuthentic) { try key.open(sealed, context: [2]) }
        #expect(throws: SealError.notAuthentic) { try SealingKey.generate().open(sealed, context: [1]) }
        for at in sealed.indices {
            sealed[at] ^= 1
            #expect(throws: SealError.notAuthentic) { try key.open(sealed, context: [1]) }
            sealed[at] ^= 1
        }
        #expect(throws: SealError.truncated) { try key.open(Array(sealed.prefix(27)), context: [1]) }
        #expect(throws: SealError.badKeyLength(16)) { try SealingKey(bytes: [UInt8](repeating: 0, count: 16)) }
    }
}
