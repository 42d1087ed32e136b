// The room Proxy.
