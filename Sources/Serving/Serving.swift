// The room Serving.
