// Blocks of one size with a free list per thread: cheaper than the allocator for what every request needs.
#pragma once

enum { gh_block_bytes = 2048 };

/// A block with unspecified content; never null. It may be given back on another thread.
void *gh_block_take(void);
void gh_block_give(void *block);
