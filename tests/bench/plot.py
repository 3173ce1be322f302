"""`make bench-plot`: build/bench.json as a picture, by gnuplot."""
import json
import subprocess
import sys

GNUPLOT = """
set terminal svg size 860,360 font "sans,13" background "#ffffff"
set output "{out}"
set multiplot layout 1,2
set style fill solid 0.9
set border 3
set xtics nomirror scale 0
set ytics nomirror
set grid ytics lc "#dddddd"
set key top left
set boxwidth 0.6

set title "CPU of a durable delivery, in µs"
set yrange [0:*]
$cpu << END
"libcurl" {floor_cpu_us} 0 0
"batches" 0 {batch_loop_us} {batch_writer_us}
"singles" 0 {single_loop_us} {single_writer_us}
END
set style data histogram
set style histogram rowstacked
plot $cpu using 2:xtic(1) title "request" lc "#9aa5b1", '' using 3 title "loop" lc "#2166ac", '' using 4 title "store" lc "#92c5de"

set title "From POST to receiver, in ms"
set logscale y
set xrange [-0.3:2.3]
set yrange [0.1:*]
set xlabel "load"
set style data linespoints
$late << END
"20 %" {latency_20_p50_ms} {latency_20_p99_ms} {latency_20_p999_ms}
"50 %" {latency_p50_ms} {latency_p99_ms} {latency_p999_ms}
"80 %" {latency_80_p50_ms} {latency_80_p99_ms} {latency_80_p999_ms}
END
plot $late using 2:xtic(1) title "p50" lw 2 pt 7 lc "#2166ac", '' using 3 title "p99" lw 2 pt 7 lc "#d6604d", '' using 4 title "p99.9" lw 2 pt 7 lc "#b2abd2"
"""


def main():
    source, out = sys.argv[1:]
    with open(source) as f:
        figures = {name.replace(".", "_"): value for name, value in json.load(f).items()}
    try:
        text = GNUPLOT.format(out=out, **figures)
    except KeyError as missing:
        sys.exit(f"{source} has no {missing}: make bench writes it whole, make bench-quick a part")
    subprocess.run(["gnuplot"], input=text, text=True, check=True)
    print(out)


if __name__ == "__main__":
    main()
