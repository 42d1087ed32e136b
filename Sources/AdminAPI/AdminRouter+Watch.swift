internal import Resources
internal import Store

extension AdminRouter {
    /// How long a watch lasts when the client does not say, in seconds.
    private static let watchSecondsDefault = 1800
    private static let watchSecondsMax = 86_400

    /// `GET …?watch=true`: one JSON object per line, as it happens. Source: what kubectl asks for.
    func watch(_ selection: Selection, _ call: Call, apiVersion: String) async throws -> AdminResponse {
        let representation = try call.representation()
        guard representation != .yaml else { throw StatusError.notAcceptable() }
        let seconds = call.query["timeoutSeconds"].flatMap { Int($0) } ?? Self.watchSecondsDefault
        let asked = call.query["resourceVersion"] ?? ""
        var initial: [Resource] = []
        var start: UInt64
        let events: AsyncStream<ObjectEvent>
        do {
            if asked.isEmpty || asked == "0" {
                let set = configuration.store.current
                initial = selection.resources(in: set)
                start = set.resourceVersion
            } else {
                guard let version = UInt64(asked) else {
                    throw StatusError.badRequest("invalid resourceVersion \"\(asked.prefix(40))\"")
                }
                start = version
            }
            events = try await configuration.store.events(since: start)
        } catch let error as StoreError {
            guard case .expired = error.reason else { throw error }
            return watchResponse(
                AsyncStream { continuation in
                    continuation.yield(WatchLines.line("ERROR", StatusError(error).status))
                    continuation.finish()
                }
            )
        }
        let lines = WatchLines(
            selection: selection,
            representation: representation,
            apiVersion: apiVersion,
            content: TableForm.Content(call.query["includeObject"]),
            now: configuration.now
        )
        let source = WatchSource(
            events: events,
            limit: .seconds(min(max(seconds, 1), Self.watchSecondsMax)),
            wantsBookmarks: call.query.isSet("allowWatchBookmarks")
        )
        return watchResponse(source.stream(initial: initial, start: start, lines))
    }

    private func watchResponse(_ stream: AsyncStream<[UInt8]>) -> AdminResponse {
        AdminResponse(
            status: 200,
            headers: [("Content-Type", "application/json"), ("X-Accel-Buffering", "no")],
            body: .stream(stream)
        )
    }
}

/// Writes the lines of one watch.
struct WatchLines: Sendable {
    let selection: Selection
    let representation: Representation
    let apiVersion: String
    let content: TableForm.Content
    let now: @Sendable () -> Int64

    static func line(_ type: String, _ object: JSONValue) -> [UInt8] {
        let body: JSONValue = ["type": .string(type), "object": object]
        return body.serialized() + [0x0A]
    }

    func added(_ resource: Resource, isFirst: Bool) -> [UInt8] {
        Self.line("ADDED", object(resource, isFirst: isFirst))
    }

    /// Nil when the event does not concern the selection. An object whose labels bring it into the selection is
    /// added, one that leaves it is deleted, whatever happened to the object itself.
    func line(_ event: ObjectEvent, isFirst: Bool) -> [UInt8]? {
        guard event.resource.kind == selection.kind else { return nil }
        let wasInside = event.kind != .added && selection.matches(event.previous ?? event.resource)
        let isInside = event.kind != .deleted && selection.matches(event.resource)
        switch (wasInside, isInside) {
        case (false, false): return nil
        case (false, true): return added(event.resource, isFirst: isFirst)
        case (true, true): return Self.line("MODIFIED", object(event.resource, isFirst: isFirst))
        case (true, false): return Self.line("DELETED", object(event.resource, isFirst: isFirst))
        }
    }

    func bookmark(_ resourceVersion: UInt64) -> [UInt8] {
        let metadata: JSONObject = ["resourceVersion": .string(String(resourceVersion))]
        if case .table(let version) = representation {
            let table = TableForm(kind: selection.kind, version: version, now: now())
            return Self.line(
                "BOOKMARK",
                table.table([], apiVersion: apiVersion, content, metadata: metadata, withColumns: false)
            )
        }
        let object: JSONValue = [
            "kind": .string(selection.kind.rawValue), "apiVersion": .string(apiVersion), "metadata": .object(metadata),
        ]
        return Self.line("BOOKMARK", object)
    }

    private func object(_ resource: Resource, isFirst: Bool) -> JSONValue {
        switch representation {
        case .table(let version):
            let table = TableForm(kind: selection.kind, version: version, now: now())
            let metadata: JSONObject = ["resourceVersion": .string(resource.metadata.resourceVersion)]
            return table.table([resource], apiVersion: apiVersion, content, metadata: metadata, withColumns: isFirst)
        case .metadataOnly:
            return AdminRouter.partial(resource.json(apiVersion: apiVersion), metaVersion: "v1")
        case .json, .yaml:
            return resource.json(apiVersion: apiVersion)
        }
    }
}

/// Joins events and time into the pieces of one watch.
struct WatchSource: Sendable {
    /// How often a bookmark tells the client how far it is.
    private static let bookmarkInterval = Duration.seconds(60)
    /// How many events may wait for a slow client before the watch ends; the client resumes from its last event.
    private static let backlogMax = 1024

    private enum Input: Sendable {
        case event(ObjectEvent)
        case bookmark
        case end
    }

    let events: AsyncStream<ObjectEvent>
    let limit: Duration
    let wantsBookmarks: Bool

    /// Pull-driven: a line is made when the transport asks for it, so a slow client costs a bounded backlog and no
    /// more.
    func stream(initial: [Resource], start: UInt64, _ lines: WatchLines) -> AsyncStream<[UInt8]> {
        let (inputs, feeder) = AsyncStream.makeStream(
            of: Input.self,
            bufferingPolicy: .bufferingOldest(Self.backlogMax)
        )
        let (events, limit, wantsBookmarks) = (events, limit, wantsBookmarks)
        let pump = Task {
            for await event in events {
                if case .enqueued = feeder.yield(.event(event)) { continue }
                break
            }
            feeder.finish()
        }
        let clock = Task {
            let end = ContinuousClock.now + limit
            do {
                while wantsBookmarks, ContinuousClock.now + Self.bookmarkInterval < end {
                    try await Task.sleep(for: Self.bookmarkInterval)
                    feeder.yield(.bookmark)
                }
                try await Task.sleep(until: end)
                feeder.yield(.end)
            } catch {
                // The client has gone first.
                feeder.finish()
            }
        }
        let cursor = WatchCursor(
            inputs: inputs.makeAsyncIterator(),
            pending: initial,
            start: start,
            wantsBookmarks: wantsBookmarks,
            lines: lines,
            stop: {
                pump.cancel()
                clock.cancel()
                feeder.finish()
            }
        )
        return AsyncStream { await cursor.next() }
    }

    /// The reader's side of a watch. An actor because the transport may ask from different tasks, one after the other.
    /// It goes when the transport drops the stream, for whatever reason, and takes the tasks behind it along.
    private actor WatchCursor {
        /// How many initial objects go into one piece.
        private static let initialBatch = 64

        private var inputs: AsyncStream<Input>.Iterator
        private var pending: [Resource]
        private var position: UInt64
        private let wantsBookmarks: Bool
        private let lines: WatchLines
        private let stop: @Sendable () -> Void
        private var isFirst = true
        private var isEnded = false

        init(
            inputs: AsyncStream<Input>.Iterator,
            pending: [Resource],
            start: UInt64,
            wantsBookmarks: Bool,
            lines: WatchLines,
            stop: @escaping @Sendable () -> Void
        ) {
            self.inputs = inputs
            self.pending = pending
            position = start
            self.wantsBookmarks = wantsBookmarks
            self.lines = lines
            self.stop = stop
        }

        deinit { stop() }

        func next() async -> [UInt8]? {
            if !pending.isEmpty {
                var piece: [UInt8] = []
                for resource in pending.prefix(Self.initialBatch) {
                    piece += lines.added(resource, isFirst: isFirst)
                    isFirst = false
                }
                pending.removeFirst(min(Self.initialBatch, pending.count))
                return piece
            }
            while !isEnded {
                var iterator = inputs
                guard let input = await iterator.next(isolation: self) else { return nil }
                inputs = iterator
                switch input {
                case .event(let event):
                    position = event.resourceVersion
                    guard let line = lines.line(event, isFirst: isFirst) else { continue }
                    isFirst = false
                    return line
                case .bookmark:
                    return lines.bookmark(position)
                case .end:
                    isEnded = true
                    return wantsBookmarks ? lines.bookmark(position) : nil
                }
            }
            return nil
        }
    }
}
