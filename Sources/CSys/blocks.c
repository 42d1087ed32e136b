#include "gh_blocks.h"

#include <pthread.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GH_BLOCKS_UNPOOLED 1
#endif
#endif

// What a thread keeps at most: 1 MiB.
enum { spareMax = 512 };

struct spare {
    struct spare *next;
};

static __thread struct spare *spares;
static __thread int spareCount;
static __thread int isRegistered;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *allocate(void) {
    void *block = malloc(gh_block_bytes);
    if (!block) abort();
    return block;
}

static void freeSpares(void *unused) {
    (void)unused;
    while (spares) {
        struct spare *next = spares->next;
        free(spares);
        spares = next;
    }
    spareCount = 0;
    isRegistered = 0;
}

static void makeKey(void) {
    if (pthread_key_create(&key, freeSpares)) abort();
}

// Frees a thread's blocks when it ends.
static void registerThread(void) {
    pthread_once(&once, makeKey);
    pthread_setspecific(key, &key);
    isRegistered = 1;
}

void *gh_block_take(void) {
#ifndef GH_BLOCKS_UNPOOLED
    struct spare *block = spares;
    if (block) {
        spares = block->next;
        spareCount--;
        return block;
    }
#endif
    return allocate();
}

void gh_block_give(void *pointer) {
#ifndef GH_BLOCKS_UNPOOLED
    if (spareCount < spareMax) {
        struct spare *block = pointer;
        if (!isRegistered) registerThread();
        block->next = spares;
        spares = block;
        spareCount++;
        return;
    }
#endif
    free(pointer);
}
