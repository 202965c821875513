/* SPDX-License-Identifier: MIT */
#include "dom0-tools/netvf/table.h"

#include <ctype.h>
#include <err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct table {
    const char *align;
    size_t columns;
    size_t used, size;
    char **cells;
    int width[TABLE_COLUMNS_MAX];
};

struct table *table_new(const char *align)
{
    struct table *table = calloc(1, sizeof *table);

    if (!table)
        err(1, "netvf");
    table->align = align;
    table->columns = strlen(align);
    return table;
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < table->used; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}

void table_cell(struct table *table, const char *text)
{
    size_t column = table->used % table->columns;
    char *cell = strdup(text ? text : "-");

    if (table->used == table->size) {
        table->size = table->size ? 2 * table->size : 64;
        table->cells = realloc(table->cells, table->size * sizeof *table->cells);
    }
    if (!cell || !table->cells)
        err(1, "netvf");
    for (char *c = cell; *c; c++) {
        if (iscntrl((unsigned char)*c))
            *c = '?';
    }
    if ((int)strlen(cell) > table->width[column])
        table->width[column] = (int)strlen(cell);
    table->cells[table->used++] = cell;
}

void table_printf(struct table *table, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_cell(table, text);
}

/* Does this row end after this column? Blanks are not worth printing. */
static bool is_last(const struct table *table, size_t row, size_t column)
{
    for (column++; column < table->columns; column++) {
        if (table->cells[row + column][0])
            return false;
    }
    return true;
}

static void print_row(const struct table *table, size_t row, FILE *out, int indent)
{
    for (size_t column = 0; column < table->columns; column++) {
        const char *cell = table->cells[row + column];
        bool last = is_last(table, row, column);

        fprintf(out, "%*s", column == 0 ? indent : 2, "");
        if (table->align[column] == 'r')
            fprintf(out, "%*s", table->width[column], cell);
        else
            fprintf(out, "%-*s", last ? 0 : table->width[column], cell);
        if (last)
            break;
    }
    fputc('\n', out);
}

void table_print(const struct table *table, FILE *out, int indent)
{
    for (size_t row = 0; row + table->columns <= table->used; row += table->columns)
        print_row(table, row, out, indent);
}
