// The room Translation.
