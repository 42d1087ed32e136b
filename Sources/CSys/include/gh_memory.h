// Giving memory back after a start that needed more than what follows.
#pragma once

/// Unmaps the pages of programs and libraries that were read only while starting, and frees what the allocator holds
/// without need. Everything comes back from the page cache when it is touched again. Returns the bytes that were
/// resident in the released mappings, -1 when /proc/self/smaps cannot be read.
long gh_release_startup_memory(void);
