/* What cppcheck does not find out about by itself: it reads no system headers. */
#define json_array_foreach(array, index, value) \
    for ((index) = 0; ((value) = json_array_get((array), (index))) != NULL; (index)++)
