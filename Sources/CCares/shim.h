#pragma once
#include <sys/select.h>
#include <ares.h>
