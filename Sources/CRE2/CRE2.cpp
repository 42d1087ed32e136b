#include "CRE2.h"

#include <re2/re2.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

struct gh_re2 {
    re2::RE2 expression;
    explicit gh_re2(const re2::StringPiece &pattern, const re2::RE2::Options &options)
        : expression(pattern, options) {}
};

extern "C" gh_re2 *gh_re2_new(const char *pattern, size_t length, char *error, size_t errorCapacity) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(8 << 20);
    gh_re2 *re = new (std::nothrow) gh_re2(re2::StringPiece(pattern, length), options);
    if (re == nullptr) return nullptr;
    if (!re->expression.ok()) {
        snprintf(error, errorCapacity, "%s", re->expression.error().c_str());
        delete re;
        return nullptr;
    }
    return re;
}

extern "C" void gh_re2_free(gh_re2 *re) { delete re; }

extern "C" int gh_re2_full_match(const gh_re2 *re, const char *subject, size_t length) {
    return re->expression.Match(re2::StringPiece(subject, length), 0, length, re2::RE2::ANCHOR_BOTH, nullptr, 0);
}

extern "C" int gh_re2_partial_match(const gh_re2 *re, const char *subject, size_t length) {
    return re->expression.Match(re2::StringPiece(subject, length), 0, length, re2::RE2::UNANCHORED, nullptr, 0);
}

extern "C" int gh_re2_program_size(const gh_re2 *re) { return re->expression.ProgramSize(); }

extern "C" int gh_re2_check_rewrite(const gh_re2 *re, const char *rewrite, size_t length, char *error,
                                    size_t errorCapacity) {
    std::string reason;
    if (re->expression.CheckRewriteString(re2::StringPiece(rewrite, length), &reason)) return 1;
    snprintf(error, errorCapacity, "%s", reason.c_str());
    return 0;
}

extern "C" char *gh_re2_replace_all(const gh_re2 *re, const char *subject, size_t length, const char *rewrite,
                                    size_t rewriteLength, size_t *outLength) {
    std::string text(subject, length);
    re2::RE2::GlobalReplace(&text, re->expression, re2::StringPiece(rewrite, rewriteLength));
    char *out = static_cast<char *>(malloc(text.size() + 1));
    if (out == nullptr) return nullptr;
    memcpy(out, text.data(), text.size());
    out[text.size()] = 0;
    *outLength = text.size();
    return out;
}

extern "C" long gh_re2_replace_into(const gh_re2 *re, const char *subject, size_t length, const char *rewrite,
                                    size_t rewriteLength, char *out, size_t capacity) {
    try {
        std::string text(subject, length);
        re2::RE2::GlobalReplace(&text, re->expression, re2::StringPiece(rewrite, rewriteLength));
        if (text.size() <= capacity) memcpy(out, text.data(), text.size());
        return static_cast<long>(text.size());
    } catch (const std::bad_alloc &) {
        return -1;
    }
}
