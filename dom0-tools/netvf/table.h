/* SPDX-License-Identifier: MIT */
/* Text in columns, each as wide as its widest cell. */
#ifndef NETVF_DOM0_TOOLS_TABLE_H
#define NETVF_DOM0_TOOLS_TABLE_H

#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct table;

/* `align` has a letter per column: l or r. Never NULL: out of memory ends the program, here and
 * below. */
struct table *table_new(const char *align);
void table_free(struct table *table);

/* The next cell, row by row. Cells are copied, control characters replaced; NULL shows as "-". */
void table_cell(struct table *table, const char *text);
void table_printf(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Rows indented by `indent` blanks, two blanks between columns, none at a line's end. */
void table_print(const struct table *table, FILE *out, int indent);

#endif
