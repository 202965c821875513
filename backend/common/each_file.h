/* SPDX-License-Identifier: MIT */
/* The names in a directory of the daemon's own. */
#ifndef NETVF_COMMON_EACH_FILE_H
#define NETVF_COMMON_EACH_FILE_H

#include <dirent.h>

/* Calls `each` for every name but hidden ones; for none where there is no such directory. `each` may remove its file. */
static inline void each_file(const char *path, void (*each)(const char *name, void *context),
                             void *context)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    if (!dir)
        return;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            each(entry->d_name, context);
    closedir(dir);
}

#endif
