internal import CSys

/// One operating-system thread that runs a body to its end.
///
/// Threads of the data plane are never pooled: a worker owns its event loop for life.
final class WorkerThread: Sendable {
    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private let handle: pthread_t

    /// - Returns: nil when the machine has no thread left.
    init?(name: String, body: @escaping @Sendable () -> Void) {
        var handle = pthread_t()
        let context = Unmanaged.passRetained(Body(name: name, run: body))
        let failure = pthread_create(
            &handle,
            nil,
            { raw in
                guard let raw else { return nil }
                let body = Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
                pthread_setname_np(pthread_self(), String(body.name.prefix(15)))
                body.run()
                return nil
            },
            context.toOpaque()
        )
        guard failure == 0 else {
            context.release()
            return nil
        }
        self.handle = handle
    }

    /// Waits for the end of the thread. Call once.
    func join() { pthread_join(handle, nil) }
}
