#pragma once
#include <stdlib.h>
#include <zlib.h>

/// A stream that writes the gzip format; NULL when memory is short. Freed by `gh_gzip_free`.
static inline z_stream *gh_gzip_new(int level, int window_bits, int memory_level) {
    z_stream *stream = (z_stream *)calloc(1, sizeof(z_stream));
    if (stream == NULL) return NULL;
    // 16 more window bits ask zlib for a gzip header and trailer.
    if (deflateInit2(stream, level, Z_DEFLATED, window_bits + 16, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

static inline void gh_gzip_free(z_stream *stream) {
    (void)deflateEnd(stream);
    free(stream);
}
