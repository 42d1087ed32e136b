internal import CSys

extension Connection {
    /// Lets the kernel probe a silent peer (SO_KEEPALIVE); nil values are the kernel's own defaults.
    public func keepAlive(idle: Duration?, interval: Duration?, probes: Int?) {
        func seconds(_ value: Duration?, _ standard: Int32) -> Int32 {
            value.map { max(1, Int32(clamping: $0.components.seconds)) } ?? standard
        }
        gh_keepalive(descriptor, seconds(idle, 7200), seconds(interval, 75), Int32(clamping: probes ?? 9))
    }
}
