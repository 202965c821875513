/* SPDX-License-Identifier: MIT */
/* netvf: what netvfd does, for the administrator. One table of subcommands; the usage, the parsing
 * and the completion come from it. */
#include <config.h>

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/netvf/netvf.h"

#define CONTROL_SOCKET NETVF_RUNDIR "/control"

struct command {
    const char *name;
    enum outcome (*run)(const struct options *options, struct why *why);
    const char *operand; /* NULL if it takes none; in brackets if it may be left out */
    const char *setting; /* NULL if it takes none behind the operand */
    bool json;
    const char *summary;
};

static const struct command commands[] = {
    {"list", command_list, NULL, NULL, true, "physical functions, their VFs, and the vif on each"},
    {"show", command_show, "[DOM[/DEVID]]", NULL, true, "vifs with their state and counters"},
    {"check", command_check, "DOM/DEVID", NULL, false,
     "hold a vif's xenstore keys against the schema"},
    {"set", command_set, "DOM/DEVID", SETTING_SHOWN, true,
     "have a vif's VF reach its guest's memory another way"},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* The summaries' column. */
#define SUMMARY_COLUMN 42

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},     {"version", no_argument, NULL, 'V'},
    {"json", no_argument, NULL, 'j'},     {"socket", required_argument, NULL, 's'},
    {"commands", no_argument, NULL, 'C'}, {NULL, 0, NULL, 0},
};

static void print_usage(FILE *out)
{
    fprintf(out, "Usage: netvf COMMAND [OPTION...] [OPERAND]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *command = &commands[i];
        int column = fprintf(out, "  %s%s%s%s%s%s", command->name, command->json ? " [--json]" : "",
                             command->operand ? " " : "", command->operand ? command->operand : "",
                             command->setting ? " " : "", command->setting ? command->setting : "");

        fprintf(out, "%*s%s\n", column < SUMMARY_COLUMN ? SUMMARY_COLUMN - column : 1, "",
                command->summary);
    }
    fprintf(out, "\nDOM is the id or the name of a guest, DEVID the number of its vif.\n"
                 "WAY is host, iommu, or auto: iommu where the guest can have it, else host.\n"
                 "  -j, --json         the answer as one JSON document\n"
                 "  -s, --socket FILE  where netvfd listens [" CONTROL_SOCKET "]\n"
                 "  -h, --help         this text\n"
                 "  -V, --version      the version\n");
}

/* For the shell's completion: a line per command, its name and what may follow it. */
static void print_commands(void)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("%s%s%s%s\n", commands[i].name, commands[i].json ? " --json" : "",
               commands[i].setting ? " " SETTING_COMPLETE : "", commands[i].operand ? " VIF" : "");
}

static enum outcome usage_error(const char *sentence, const char *what)
{
    fprintf(stderr, "netvf: %s%s; see 'netvf --help'\n", sentence, what);
    return OUTCOME_USAGE;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static enum outcome run(const struct command *command, const struct options *options)
{
    struct why why = {""};
    enum outcome outcome = command->run(options, &why);

    if (why.text[0])
        fprintf(stderr, "netvf: %s\n", why.text);
    return outcome;
}

/* `argc` is 1 without any operand. */
static enum outcome check_operands(const struct command *command, int argc, char **argv)
{
    int most = 1 + (command->operand != NULL) + (command->setting != NULL);

    if (argc > 1 && !command->operand)
        return usage_error(command->name, " takes no operand");
    if (argc > most)
        return usage_error("one operand too many: ", argv[most]);
    if (argc == 1 && command->operand && command->operand[0] != '[')
        return usage_error(command->name, " needs DOM/DEVID");
    if (command->setting && argc < most)
        return usage_error(command->name, " needs " SETTING_SHOWN " behind DOM/DEVID");
    return OUTCOME_DONE;
}

static enum outcome choose(int argc, char **argv, struct options *options)
{
    const struct command *command;

    if (argc == 0)
        return usage_error("a command is missing", "");
    command = find_command(argv[0]);
    if (!command)
        return usage_error("there is no command ", argv[0]);
    if (check_operands(command, argc, argv) != OUTCOME_DONE)
        return OUTCOME_USAGE;
    if (options->json && !command->json)
        return usage_error(command->name, " has no --json");
    options->operand = argv[1];
    options->setting = command->setting ? argv[2] : NULL;
    return run(command, options);
}

static enum outcome parse(int argc, char **argv)
{
    struct options options = {.socket = CONTROL_SOCKET};
    int option;

    while ((option = getopt_long(argc, argv, "hVjs:", long_options, NULL)) != -1) {
        switch (option) {
        case 'h':
            print_usage(stdout);
            return OUTCOME_DONE;
        case 'V':
            printf("netvf %s\n", PACKAGE_VERSION);
            return OUTCOME_DONE;
        case 'C':
            print_commands();
            return OUTCOME_DONE;
        case 'j':
            options.json = true;
            break;
        case 's':
            options.socket = optarg;
            break;
        default:
            return OUTCOME_USAGE; /* getopt has said what is wrong */
        }
    }
    return choose(argc - optind, argv + optind, &options);
}

int main(int argc, char **argv)
{
    enum outcome outcome = parse(argc, argv);

    /* Output that went nowhere (a full disk, a closed pipe) is a failure, too. */
    if (fflush(stdout) != 0 && outcome == OUTCOME_DONE) {
        perror("netvf: cannot write the answer");
        return OUTCOME_FAILED;
    }
    return outcome;
}
