#pragma once
// No _GNU_SOURCE, as in CSys.
#include <sys/select.h>
#include <ares.h>
