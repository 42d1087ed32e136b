internal import Base
internal import Transport
internal import CNghttp2

/// nghttp2's callback table and options: made once, only read afterwards (each session copies them).
struct HTTP2Callbacks {
    nonisolated(unsafe) static let shared = HTTP2Callbacks()

    let raw: OpaquePointer?
    let options: OpaquePointer?

    private init() {
        var table: OpaquePointer?
        nghttp2_session_callbacks_new(&table)
        nghttp2_session_callbacks_set_on_begin_headers_callback(table, beginHeaders)
        nghttp2_session_callbacks_set_on_header_callback(table, header)
        nghttp2_session_callbacks_set_on_invalid_header_callback(table, invalidHeader)
        nghttp2_session_callbacks_set_on_frame_recv_callback(table, frameReceived)
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, dataReceived)
        nghttp2_session_callbacks_set_on_stream_close_callback(table, streamClosed)
        nghttp2_session_callbacks_set_on_frame_send_callback(table, frameSent)
        nghttp2_session_callbacks_set_send_data_callback(table, sendHTTP2Body)
        var made: OpaquePointer?
        nghttp2_option_new(&made)
        nghttp2_option_set_no_auto_window_update(made, 1)
        nghttp2_option_set_no_closed_streams(made, 1)
        nghttp2_option_set_peer_max_concurrent_streams(made, 100)
        raw = table
        options = made
    }

    static func session(_ user: UnsafeMutableRawPointer?) -> HTTP2Session? {
        guard let user else { return nil }
        return Unmanaged<HTTP2Session>.fromOpaque(user).takeUnretainedValue()
    }

    static func stream(_ raw: OpaquePointer?, _ id: Int32) -> HTTP2Stream? {
        guard id > 0, let data = nghttp2_session_get_stream_user_data(raw, id) else { return nil }
        return Unmanaged<HTTP2Stream>.fromOpaque(data).takeUnretainedValue()
    }
}

private func beginHeaders(
    _ raw: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame, let session = HTTP2Callbacks.session(user) else { return 0 }
    guard gh_h2_frame_type(frame) == gh_h2_headers else { return 0 }
    let id = gh_h2_frame_stream(frame)
    let isRequest = frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
    let known = isRequest ? nil : HTTP2Callbacks.stream(raw, id)
    session.receive(into: session.headersBegan(id, known, isRequest: isRequest))
    return 0
}

private func header(
    _ raw: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ name: UnsafePointer<UInt8>?,
    _ nameCount: Int,
    _ value: UnsafePointer<UInt8>?,
    _ valueCount: Int,
    _ flags: UInt8,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let user, let name, nameCount > 0 else { return 0 }
    let nameBytes = UnsafeRawBufferPointer(start: name, count: nameCount)
    let valueBytes = UnsafeRawBufferPointer(start: value, count: valueCount)
    // No reference is counted here: this runs for every field of every message.
    return Unmanaged<HTTP2Session>.fromOpaque(user)._withUnsafeGuaranteedRef { $0.received(nameBytes, valueBytes) }
}

private func invalidHeader(
    _ raw: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ name: UnsafePointer<UInt8>?,
    _ nameCount: Int,
    _ value: UnsafePointer<UInt8>?,
    _ valueCount: Int,
    _ flags: UInt8,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame else { return 0 }
    nghttp2_submit_rst_stream(raw, 0, gh_h2_frame_stream(frame), HTTP2ErrorCode.protocolError.rawValue)
    return gh_h2_err_temporal
}

private func frameReceived(
    _ raw: OpaquePointer?,
    _ frame: UnsafePointer<nghttp2_frame>?,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame, let session = HTTP2Callbacks.session(user) else { return 0 }
    let hasEnd = gh_h2_frame_flags(frame) & gh_h2_flag_end_stream != 0
    switch gh_h2_frame_type(frame) {
    case gh_h2_headers:
        session.inspector.flood.headersEnded()
        session.headersReceived(endStream: hasEnd)
    case gh_h2_data:
        if gh_h2_frame_length(frame) > 0 && gh_h2_frame_length(frame) == gh_h2_data_padding(frame) {
            if !session.inspector.flood.emptyDataSeen() { session.fail(.enhanceYourCalm) }
        }
        guard hasEnd, let stream = HTTP2Callbacks.stream(raw, gh_h2_frame_stream(frame)) else { return 0 }
        stream.hasInputEnded = true
        session.inputEnded(stream)
    case gh_h2_rst:
        if !session.inspector.flood.resetSeen(now: session.transport.loop.now) { session.fail(.enhanceYourCalm) }
    case gh_h2_goaway: session.goAwayReceived()
    case gh_h2_settings:
        if gh_h2_frame_flags(frame) & gh_h2_flag_ack == 0 { session.settingsReceived() }
    default: break
    }
    return 0
}

private func frameSent(_ raw: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ user: UnsafeMutableRawPointer?)
    -> Int32
{
    guard let frame, gh_h2_frame_type(frame) == gh_h2_rst, let session = HTTP2Callbacks.session(user) else { return 0 }
    session.inspector.resetSent(gh_h2_frame_stream(frame))
    if !session.inspector.flood.resetSeen(now: session.transport.loop.now) { session.fail(.enhanceYourCalm) }
    return 0
}

private func dataReceived(
    _ raw: OpaquePointer?,
    _ flags: UInt8,
    _ id: Int32,
    _ data: UnsafePointer<UInt8>?,
    _ count: Int,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let session = HTTP2Callbacks.session(user) else { return 0 }
    session.received(HTTP2Callbacks.stream(raw, id), id, UnsafeRawBufferPointer(start: data, count: count))
    return 0
}

private func streamClosed(_ raw: OpaquePointer?, _ id: Int32, _ code: UInt32, _ user: UnsafeMutableRawPointer?) -> Int32
{
    guard let session = HTTP2Callbacks.session(user), let stream = HTTP2Callbacks.stream(raw, id) else { return 0 }
    nghttp2_session_set_stream_user_data(raw, id, nil)
    session.unlink(stream)
    session.ended(stream, HTTP2ErrorCode(rawValue: code))
    return 0
}

/// Says how much content the next DATA frame carries; the source is the stream.
func readHTTP2Body(
    _ raw: OpaquePointer?,
    _ id: Int32,
    _ out: UnsafeMutablePointer<UInt8>?,
    _ room: Int,
    _ flags: UnsafeMutablePointer<UInt32>?,
    _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _ user: UnsafeMutableRawPointer?
) -> Int {
    guard let flags, let user, let data = source?.pointee.ptr else { return Int(gh_h2_err_temporal) }
    return Unmanaged<HTTP2Session>.fromOpaque(user)._withUnsafeGuaranteedRef { session in
        Unmanaged<HTTP2Stream>.fromOpaque(data)._withUnsafeGuaranteedRef { session.fill($0, room, &flags.pointee) }
    }
}

/// Sends the DATA frame that `readHTTP2Body` announced: nine octets of nghttp2, the content straight from the stream.
private func sendHTTP2Body(
    _ raw: OpaquePointer?,
    _ frame: UnsafeMutablePointer<nghttp2_frame>?,
    _ header: UnsafePointer<UInt8>?,
    _ count: Int,
    _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _ user: UnsafeMutableRawPointer?
) -> Int32 {
    guard let header, let user, let data = source?.pointee.ptr else { return gh_h2_err_temporal }
    return Unmanaged<HTTP2Session>.fromOpaque(user)._withUnsafeGuaranteedRef { session in
        Unmanaged<HTTP2Stream>.fromOpaque(data)._withUnsafeGuaranteedRef { session.sendContent($0, header) }
    }
}

extension nghttp2_data_provider {
    /// Content that `stream` holds. The session keeps the stream for as long as nghttp2 knows it.
    init(_ stream: HTTP2Stream) {
        self.init()
        source.ptr = Unmanaged.passUnretained(stream).toOpaque()
        read_callback = readHTTP2Body
    }
}
