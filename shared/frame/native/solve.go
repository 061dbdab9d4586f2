package native

const (
	panel  = 4   // pivots applied to a row while it is in the cache
	stripe = 512 // bytes of every row worked on at a time, for the same reason
)

// invert turns the rows of a square matrix into those of its inverse, in place
// (Gauss-Jordan). pivot[r] is the unknown that row r then gives, or -1 if row r
// was a combination of those before it: then the matrix has no inverse, and the
// rows are of no use.
//
//	unknown[pivot[r]] = sum over j of rows[r][pivot[j]] * known[j]
func invert(rows [][]byte) (pivot []int) {
	n := len(rows)
	pivot = make([]int, n)
	taken := make([]bool, n)
	tables := make([]*table, min(panel, n))
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
			pivot[r] = choose(rows[r], taken)
			if pivot[r] < 0 {
				continue
			}
			t := tables[r%panel]
			p := rows[r][pivot[r]]
			rows[r][pivot[r]] = 1
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

// apply replaces row r of known by unknown[pivot[r]], see invert.
func apply(inverse [][]byte, pivot []int, known [][]byte) {
	size := len(known[0])
	copies := make([]byte, len(known)*min(stripe, size))
	for from := 0; from < size; from += stripe {
		to := min(from+stripe, size)
		width := to - from
		for j, row := range known {
			copy(copies[j*width:], row[from:to])
		}
		sums := newTable(width)
		for r, row := range known {
			sums.clear()
			for j := range known {
				sums.collect(copies[j*width:][:width], inverse[r][pivot[j]])
			}
			clear(row[from:to])
			sums.addSum(row[from:to])
		}
	}
}
