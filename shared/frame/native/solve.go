package native

import "bytes"

const (
	panel  = 4   // pivots that are applied to a row while it is in the cache
	stripe = 512 // bytes of every row that are worked on at a time, to need few copies
)

// invert turns the rows of a square matrix into those of its inverse, in place
// (Gauss-Jordan): then row r gives unknown pivot[r]. If pivot[r] is -1, row r
// was a combination of others: there is no inverse, and the rows are of no use.
func invert(rows [][]byte) (pivot []int) {
	n := len(rows)
	taken, tables := make([]bool, n), make([]table, panel)
	for i := range tables {
		tables[i] = newTable(n)
	}
	eliminate := func(i, r int) {
		if column := pivot[r]; column >= 0 {
			f := rows[i][column]
			rows[i][column] = 0
			tables[r%panel].addMultiple(rows[i], f)
		}
	}
	for start := 0; start < n; start += panel {
		end := min(start+panel, n)
		for r := start; r < end; r++ {
			column := choose(rows[r], taken)
			if pivot = append(pivot, column); column < 0 {
				continue
			}
			t, p := &tables[r%panel], rows[r][column]
			rows[r][column] = 1
			t.multiplesOf(rows[r])
			clear(rows[r])
			t.addMultiple(rows[r], inverse(p))
			t.multiplesOf(rows[r])
			for i := start; i < end; i++ {
				if i != r {
					eliminate(i, r)
				}
			}
		}
		for i := range n {
			for r := start; r < end && (i < start || i >= end); r++ {
				eliminate(i, r)
			}
		}
	}
	for _, row := range rows {
		old := bytes.Clone(row)
		for j, column := range pivot {
			row[j] = old[max(column, 0)] // what row j started with is known now in that column
		}
	}
	return pivot
}

// choose gives the first column that is not zero and not taken, and takes it.
func choose(row []byte, taken []bool) int {
	for i, c := range row {
		if c != 0 && !taken[i] {
			taken[i] = true
			return i
		}
	}
	return -1
}

// apply multiplies the rows of known by a matrix, in place.
func apply(matrix, known [][]byte) {
	copies := make([][]byte, len(known))
	for from := 0; from < len(known[0]); from += stripe {
		to := min(from+stripe, len(known[0]))
		for j, row := range known {
			copies[j] = append(copies[j][:0], row[from:to]...)
		}
		sums := newTable(to - from)
		for r, row := range known {
			clear(row[from:to])
			sums.addProducts(row[from:to], copies, matrix[r])
		}
	}
}
