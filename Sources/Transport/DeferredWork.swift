/// Work to be done once before the batch ends, such as flushing a session's frames.
open class DeferredWork {
    final var isQueued = false

    public init() {}

    open func runDeferred() {}
}

/// Called at the end of every batch, before deferred work.
open class BatchHook {
    public init() {}

    open func onBatchEnd() {}
}
