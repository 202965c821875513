# One picture of what `lab bench` has measured; labkit/benchreport.py calls it with
#   kind   "bars": rows "label" and median, least, most of each name; "curves": rows number of guests and a value of each name
#   data, names (separated by blanks, with ~ for blanks inside), types (a line type for each), title, unit, term, out
set terminal @term
set termoption noenhanced
set output out
set title title
set ylabel unit
set yrange [0:*]
set grid ytics
set key outside right
set datafile missing "NaN"
name(i) = system(sprintf("echo '%s' | tr '~' ' '", word(names, i)))
if (kind eq "bars") {
    set style data histograms
    set style histogram errorbars gap 1 lw 1
    set style fill solid 0.7 border -1
    set xtics rotate by -20
    plot for [i=1:words(names)] data using (column(3*i-1)):(column(3*i)):(column(3*i+1)):xtic(1) \
        linetype int(word(types, i)) title name(i)
} else {
    set xlabel "guests"
    set xtics 1
    plot for [i=1:words(names)] data using 1:(column(i+1)) with linespoints linewidth 2 linetype int(word(types, i)) title name(i)
}
