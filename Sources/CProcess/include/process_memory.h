// What this process does with its own memory.
//
// Threads: may be called from any thread at any time; other threads may be running the code in question.
#pragma once

/// Takes the pages of read-only segments (code and constants of the program and its libraries) out of this process's
/// page tables. They stay in the page cache, and the next access maps them again. Memory that is locked stays as it is.
void process_release_code(void);
