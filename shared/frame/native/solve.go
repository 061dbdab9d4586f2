package native

import "bytes"

const stripe = 512 // bytes of every row that are worked on at a time, to need few copies

// invert turns the rows of a square matrix into those of its inverse, in place
// (Gauss-Jordan): then row r gives unknown pivot[r]. If pivot[r] is -1, row r
// was a combination of others: there is no inverse, and the rows are of no use.
func invert(rows [][]byte) (pivot []int) {
	taken, t := make([]bool, len(rows)), newTable(len(rows))
	for r, row := range rows {
		column := choose(row, taken)
		if pivot = append(pivot, column); column < 0 {
			continue
		}
		p := row[column]
		row[column] = 1
		t.multiplesOf(row)
		clear(row)
		t.addMultiple(row, inverse(p))
		t.multiplesOf(row)
		for i, other := range rows {
			if i != r {
				f := other[column]
				other[column] = 0
				t.addMultiple(other, f)
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
