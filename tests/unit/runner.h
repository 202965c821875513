/* SPDX-License-Identifier: MIT */
/* What each unit test's main() ends with. */
#ifndef NETVF_TESTS_UNIT_RUNNER_H
#define NETVF_TESTS_UNIT_RUNNER_H

#include <check.h>
#include <stdlib.h>

/* Runs it and frees it; the program's exit code. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
