internal import COpenSSL

/// A BIO that holds a copy of `bytes`, for OpenSSL's PEM readers. The caller frees it with `BIO_free`, which takes nil.
///
/// Not `BIO_new_mem_buf`: that keeps the pointer, and Swift guarantees an array's memory only for the call it is passed
/// to. In optimised builds the array was gone before the PEM was read.
func memoryBIO(_ bytes: [UInt8]) -> OpaquePointer? {
    guard bytes.count <= Int(Int32.max), let bio = BIO_new(BIO_s_mem()) else { return nil }
    BIO_write(bio, bytes, Int32(bytes.count))
    return bio
}
