// The room Discovery.
