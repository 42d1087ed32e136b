// Linux system calls whose macros, enums or structs Swift imports badly.
#pragma once
#include "gh_includes.h"
#include "gh_sockets.h"
#include "gh_process.h"
#include "gh_blocks.h"
#include "gh_memory.h"
