// A C doorway to RE2: compile, match, replace. Linear time; no exceptions cross it.
#pragma once
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct gh_re2 gh_re2;

/// Compiles `pattern`; NULL when it is not RE2 syntax, with a NUL-terminated reason in `error`.
gh_re2 *gh_re2_new(const char *pattern, size_t length, char *error, size_t errorCapacity);
void gh_re2_free(gh_re2 *re);
/// 1 when the whole subject matches.
int gh_re2_full_match(const gh_re2 *re, const char *subject, size_t length);
/// 1 when any part of the subject matches.
int gh_re2_partial_match(const gh_re2 *re, const char *subject, size_t length);
/// RE2's measure of how large the compiled program is (Envoy limits it).
int gh_re2_program_size(const gh_re2 *re);
/// 1 when `rewrite` (with \0 to \9) is legal for this pattern.
int gh_re2_check_rewrite(const gh_re2 *re, const char *rewrite, size_t length, char *error, size_t errorCapacity);
/// Replaces every non-overlapping match; returns a malloc'd buffer (free it with free) and its length.
char *gh_re2_replace_all(const gh_re2 *re, const char *subject, size_t length, const char *rewrite,
                         size_t rewriteLength, size_t *outLength);
/// Replaces every non-overlapping match, writing into `out`. Returns the length of the result; when that is larger
/// than `capacity`, nothing was written. Negative when memory ran out.
long gh_re2_replace_into(const gh_re2 *re, const char *subject, size_t length, const char *rewrite,
                         size_t rewriteLength, char *out, size_t capacity);
#ifdef __cplusplus
}
#endif
