#include "gh_memory.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

// Only private mappings of files that nobody can write and whose every page is still the file's (`Anonymous: 0`):
// dropping those loses nothing. Relocated data is read-only too, but has pages of its own and is left alone.
long gh_release_startup_memory(void) {
    malloc_trim(0);
    FILE *maps = fopen("/proc/self/smaps", "re");
    if (!maps) return -1;
    char line[512], permissions[8], path[256];
    unsigned long start = 0, end = 0, low, high, kilobytes, resident = 0;
    long released = 0;
    int isCandidate = 0;
    while (fgets(line, sizeof line, maps)) {
        path[0] = 0;
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &low, &high, permissions, path) >= 3) {
            start = low;
            end = high;
            isCandidate = path[0] == '/' && permissions[0] == 'r' && permissions[1] == '-' && permissions[3] == 'p';
        } else if (sscanf(line, "Rss: %lu kB", &kilobytes) == 1) {
            resident = kilobytes;
        } else if (isCandidate && sscanf(line, "Anonymous: %lu kB", &kilobytes) == 1 && kilobytes == 0) {
            if (madvise((void *)start, end - start, MADV_DONTNEED) == 0) released += (long)resident << 10;
        }
    }
    fclose(maps);
    return released;
}
