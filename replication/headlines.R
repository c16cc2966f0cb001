# The study's headline numbers once more, in base R and from the data alone.
#
# Written from the definitions in docs/site/methods.md ("The headline numbers, defined") and from
# the data dictionaries data/*/datapackage.json. No package is needed, nothing is drawn at random.
# Run it in the folder that holds data/: Rscript replication/headlines.R > headlines.csv
#
# Names are those of results/<chapter>/result.json. A cell is empty where the number has no such
# entry, or where the study has it from a bootstrap or from the lattice of the chain.

# ---- Tables, months, and what a result is ------------------------------------------------------
#' One table of the study.
read_table <- function(name, folder = "processed") {
  read.csv(file.path("data", folder, paste0(name, ".csv")), na.strings = "", encoding = "UTF-8")
}

#' A month (YYYY-MM) as a running number, months by their distance from one, months of a span.
serial <- function(month) 12 * as.integer(substr(month, 1, 4)) + as.integer(substr(month, 6, 7)) - 1
moved <- function(month, by) {
  m <- serial(month) + by
  sprintf("%04d-%02d", m %/% 12, m %% 12 + 1)
}
months_between <- function(first, last) moved(first, 0:(serial(last) - serial(first)))

result <- function(name, value, ci_low = NA, ci_high = NA, std_error = NA, crv3_std_error = NA,
                   p_value = NA, n = NA, how = "closed form") {
  data.frame(name, value, ci_low, ci_high, std_error, crv3_std_error, p_value, n, how)
}

# ---- Chapter 03: other months ------------------------------------------------------------------
EPISODES <- list(
  psbb_2020 = months_between("2020-04", "2020-06"), psbb_ketat_2020 = "2020-09",
  ppkm_jawa_bali = "2021-01", ppkm_mikro = months_between("2021-02", "2021-05"),
  ppkm_2021 = months_between("2021-07", "2021-08")
)

#' Share of the fieldwork (12th to 23rd) that fell on Eid al-Fitr or its collective leave.
lebaran_share <- function(months) {
  table <- read_table("lebaran", "raw")
  off <- c(table$eid_start, table$eid_end, unlist(strsplit(table$collective_leave_dates, " ")))
  sapply(months, function(month) mean(sprintf("%s-%02d", month, 12:23) %in% off))
}

#' A column of the country table as months x countries.
by_country <- function(column) {
  table <- read_table("country_monthly")
  tapply(table[[column]], list(table$month, table$country_iso3), sum)
}

#' Months of Indonesia with PMI, season, peers and the intensity of restriction, 2012-03 to 2023-05.
indonesia <- function() {
  d <- read_table("indonesia_monthly")
  d <- d[d$month >= "2012-03" & d$month <= "2023-05", c("month", "pmi")]
  d$lebaran <- lebaran_share(d$month)
  pmi <- by_country("pmi")[, c("CHN", "DEU", "GBR", "USA")]
  d$peers <- rowMeans(pmi)[match(d$month, rownames(pmi))]
  rules <- subset(read_table("intensity_monthly"), exposure == "fieldwork")
  level <- function(months) {
    found <- rules$level[match(months, rules$month)]
    ifelse(is.na(found), 0, found) # no rule before the calendar begins and after it ends
  }
  d$before <- level(moved(d$month, -1))
  d$change <- level(d$month) - d$before
  d[complete.cases(d), ]
}

#' Observed minus expected in some months, by the regression on the clean months other than these.
distance <- function(months, d, clean) {
  X <- cbind(1, d$lebaran, d$peers)
  fit <- d$month %in% setdiff(clean, months)
  rows <- match(months, d$month)
  d$pmi[rows] - drop(X[rows, , drop = FALSE] %*% lm.fit(X[fit, ], d$pmi[fit])$coefficients)
}

#' Rank of one effect among the misses of placebo windows: interval, p and standard error.
ranked <- function(name, value, misses, n) {
  N <- length(misses)
  half <- sort(abs(misses))[ceiling(0.95 * (N + 1) - 1e-9)]
  p <- (1 + sum(abs(misses) >= abs(value) * (1 - 1e-9))) / (1 + N)
  result(name, value, value - half, value + half, sqrt(mean(misses^2)), p_value = p, n = n)
}

#' Every stretch of the design: the episodes, the month before each, the four months after each.
stretches <- function() {
  taken <- unlist(EPISODES)
  lead <- lapply(EPISODES, function(e) setdiff(moved(e[1], -1), taken))
  taken <- c(taken, unlist(lead))
  after <- lapply(EPISODES, function(e) {
    found <- moved(tail(e, 1), 1:4)
    found[cumsum(found %in% taken) == 0]
  })
  list(episode = EPISODES, lead = lead, after = after)
}

#' The event study: every month of an episode, the month before it and the months after it.
event_study <- function(d) {
  parts <- stretches()
  clean <- setdiff(d$month, unlist(parts))
  placebos <- lapply(1:4, function(L) {
    windows <- Filter(function(w) all(w %in% clean), lapply(clean, moved, by = 0:(L - 1)))
    t(matrix(sapply(windows, distance, d = d, clean = clean), nrow = L))
  })
  rows <- NULL
  for (kind in names(parts)) for (name in names(EPISODES)) {
    months <- parts[[kind]][[name]]
    if (!length(months)) next
    effect <- distance(months, d, clean)
    misses <- placebos[[length(months)]]
    head <- paste0("pmi.", name, if (kind != "episode") paste0(".", kind))
    if (kind == "episode") {
      rows <- rbind(rows, ranked(paste0(head, ".mean"), mean(effect), rowMeans(misses), nrow(d)))
    }
    for (k in seq_along(months)) {
      rows <- rbind(rows, ranked(paste0(head, ".", months[k]), effect[[k]], misses[, k], nrow(d)))
    }
  }
  list(rows = rows, misses = rowMeans(placebos[[length(EPISODES$ppkm_2021)]]))
}

#' One coefficient against all circular shifts of what the other regressors leave of the outcome.
#' With weights w of least squares and e = M(y - c x) for a hypothesis c, a shift by k rows has the
#' coefficient w'S_k e; p(c) is the share of the T shifts that reach the one of no shift. It changes
#' only where two of these straight lines in c cross, so the set is exact.
shift_test <- function(y, X, column) {
  T <- length(y)
  w <- drop(solve(crossprod(X), t(X))[column, ])
  others <- qr(X[, colnames(X) != column])
  turn <- outer(1:T, 0:(T - 1), function(t, k) (t + k - 1) %% T + 1)
  shifted <- function(z) drop(w %*% matrix(qr.resid(others, z)[turn], T))
  a <- shifted(y)
  b <- shifted(X[, column])
  p <- function(c) mean(abs(a - b * c) >= abs(a[1] - b[1] * c) * (1 - 1e-9))
  edges <- sort(unique(c((a[1] - a[-1]) / (1 - b[-1]), (a[1] + a[-1]) / (1 + b[-1]))))
  kept <- which(sapply((head(edges, -1) + tail(edges, -1)) / 2, p) > 0.05)
  list(value = a[1], low = edges[min(kept)], high = edges[max(kept) + 1], p = p(0),
       error = sqrt(sum((a - b * a[1])^2) / (T - ncol(X))))
}

#' The dose: change and level of restriction; tightening and easing apart; from June to July 2021.
dose <- function(d) {
  july <- d$change[d$month == "2021-07"]
  whole <- cbind(const = 1, as.matrix(d[c("change", "before", "lebaran", "peers")]))
  apart <- cbind(whole[, -2], tightening = pmax(d$change, 0), easing = pmin(d$change, 0))
  row <- function(name, X, column, times) {
    found <- shift_test(d$pmi, X, column)
    ends <- sort(times * c(found$low, found$high))
    result(paste0("pmi.dose.", name), times * found$value, ends[1], ends[2],
           abs(times) * found$error, p_value = found$p, n = nrow(d))
  }
  rbind(row("june_to_july_2021", whole, "change", july),
        row("june_to_july_2021.tightening", apart, "tightening", july),
        row("june_to_july_2021.easing", apart, "easing", -july),
        row("change", whole, "change", 1), row("level", whole, "before", 1))
}

# ---- Chapter 04: the own past, and a twin ------------------------------------------------------
#' Random-walk level plus AR(1) plus peers, its law written out as one normal distribution.
#' The start of the level and the peers' coefficient have flat priors, so they are estimated by
#' generalised least squares; the likelihood is the one that is left when they are integrated out,
#' which a Kalman filter with a diffuse start gives, too. A forecast is the mean of the months ahead
#' given the months before; its error holds the coefficients' own.
structural_model <- function() {
  months <- months_between("2012-05", "2023-05")
  pmi <- by_country("pmi")[months, ]
  peers <- pmi[, c("CHN", "JPN", "DEU", "FRA", "ITA", "ESP", "GBR", "USA")]
  X <- cbind(1, rowMeans(peers[, colSums(is.na(peers)) == 0]))
  y <- pmi[, "IDN"]
  masked <- months_between("2020-03", "2020-06")
  train <- which(months < "2021-07" & !months %in% masked & !is.na(y))
  ahead <- match(EPISODES$ppkm_2021, months)
  law <- function(theta, i, j = i) {
    rho <- tanh(theta[3])
    exp(theta[1]) * outer(i, j, pmin) + exp(theta[2]) / (1 - rho^2) * rho^abs(outer(i, j, "-"))
  }
  minus_likelihood <- function(theta) {
    R <- chol(law(theta, train))
    white <- qr(backsolve(R, X[train, ], transpose = TRUE))
    e <- qr.resid(white, backsolve(R, y[train], transpose = TRUE))
    sum(log(diag(R))) + sum(log(abs(diag(qr.R(white))))) + sum(e^2) / 2
  }
  search <- list(reltol = 1e-15, ndeps = rep(1e-5, 3))
  theta <- c(0, 0, 0.1)
  for (again in 1:3) theta <- optim(theta, minus_likelihood, method = "BFGS", control = search)$par
  forecast <- function(at, from) {
    R <- chol(law(theta, from))
    Z <- backsolve(R, X[from, ], transpose = TRUE)
    z <- backsolve(R, y[from], transpose = TRUE)
    C <- backsolve(R, law(theta, from, at), transpose = TRUE)
    beta <- solve(crossprod(Z), crossprod(Z, z))
    left <- X[at, , drop = FALSE] - crossprod(C, Z)
    list(mean = drop(X[at, , drop = FALSE] %*% beta + crossprod(C, z - Z %*% beta)),
         cov = law(theta, at) - crossprod(C) + left %*% solve(crossprod(Z), t(left)))
  }
  found <- forecast(ahead, train)
  value <- c(mean(y[ahead] - found$mean), y[ahead] - found$mean)
  error <- sqrt(c(mean(found$cov), diag(found$cov)))
  steps <- seq_along(ahead) - 1
  origins <- Filter(function(s) all((s + steps) %in% train) && sum(train < s) >= 36, train)
  miss <- function(s) mean(y[s + steps] - forecast(s + steps, train[train < s])$mean)
  p <- ranked("", value[1], sapply(origins, miss), NA)$p_value
  rbind(result(paste0("counterfactual.ucm.ppkm_2021.", c("mean", EPISODES$ppkm_2021)), value,
               value - qnorm(0.975) * error, value + qnorm(0.975) * error, error,
               p_value = 2 * pnorm(-abs(value) / error), n = length(train), how = "likelihood"),
        result("placebo_time.ppkm_2021", value[1], p_value = p, n = length(train),
               how = "likelihood"))
}

#' Weights of a twin: least squares over w >= 0 that sum to one, by an active set.
#' On the donors in use the problem has a closed form. A weight that would turn negative leaves at
#' the point where it is zero; a donor enters while the gradient says that it would help.
simplex_weights <- function(Y, y) {
  G <- crossprod(Y)
  b <- drop(crossprod(Y, y))
  w <- replace(0 * b, which.min(diag(G) - 2 * b), 1)
  used <- w > 0
  repeat {
    repeat {
      system <- rbind(cbind(G[used, used, drop = FALSE], 1), c(rep(1, sum(used)), 0))
      target <- replace(0 * b, used, head(solve(system, c(b[used], 1)), -1))
      falling <- used & target < -1e-14
      if (!any(falling)) break
      reach <- (w / (w - target))[falling]
      w <- w + min(reach) * (target - w)
      used[which(falling)[which.min(reach)]] <- FALSE
      w[!used] <- 0
    }
    w <- target
    gradient <- drop(G %*% w - b)
    gain <- sum(gradient * w) - gradient
    if (max(gain[!used], -Inf) <= 1e-10 * abs(sum(gradient * w)) + 1e-10) return(w)
    used[which.max(ifelse(used, -Inf, gain))] <- TRUE
  }
}

#' Months and donors of the twin: complete, no lockdown of their own, no change by over ten points.
twin_sample <- function() {
  after <- EPISODES$ppkm_2021
  months <- setdiff(months_between("2019-01", max(after)), months_between("2020-03", "2020-06"))
  pmi <- by_country("pmi")[months, ]
  strict <- by_country("stringency")
  usual <- colMeans(strict[c("2021-04", "2021-05", "2021-06"), ])
  change <- apply(abs(sweep(strict[after, ], 2, usual)), 2, max)
  donors <- colSums(is.na(pmi)) == 0 & !is.na(change) & change <= 10 &
    !colnames(pmi) %in% c("IDN", "ASN", "EUZ", "MYS", "VNM")
  list(Y = pmi[, donors], y = pmi[, "IDN"], post = months %in% after)
}

#' The twin's gap, and the effects that a conformal test by moving blocks does not refuse.
twin <- function() {
  s <- twin_sample()
  n <- length(s$y)
  L <- sum(s$post)
  gaps <- drop(s$y - s$Y %*% simplex_weights(s$Y[!s$post, ], s$y[!s$post]))
  mean_gap <- mean(gaps[s$post])
  p <- function(effect) {
    free <- s$y - effect * s$post
    u <- abs(drop(free - s$Y %*% simplex_weights(s$Y, free)))
    blocks <- sapply(1:n, function(t) mean(u[(t - 1 + seq_len(L) - 1) %% n + 1]))
    mean(blocks >= blocks[n - L + 1] * (1 - 1e-9))
  }
  grid <- mean_gap + max(sqrt(mean(gaps[!s$post]^2)), sd(s$y) / 50) / 2 * (-24:24)
  kept <- which(sapply(grid, p) > 0.05)
  edge <- function(inside, outside) {
    while (abs(outside - inside) > 1e-10) {
      middle <- (inside + outside) / 2
      if (p(middle) > 0.05) inside <- middle else outside <- middle
    }
    inside
  }
  none <- rep(NA, L)
  result(paste0("counterfactual.synthetic.ppkm_2021.", c("mean", EPISODES$ppkm_2021)),
         c(mean_gap, gaps[s$post]), c(edge(grid[min(kept)], grid[min(kept) - 1]), none),
         c(edge(grid[max(kept)], grid[max(kept) + 1]), none), p_value = c(p(0), none), n = n,
         how = "quadratic programme")
}

# ---- Panels: one regression with effects, by cluster -------------------------------------------
#' Least squares with effects, and its errors by cluster.
#' `cells` are effects that lie within a cluster (a country, a province): they are taken out by
#' means and do not count among the regressors of CRV1 = G/(G-1) (N-1)/(N-K) times the sandwich.
#' `periods` are dummies. CRV3 is the jackknife (G-1)/G sum (b_(g) - b)^2.
panel_fit <- function(y, X, cluster, periods, cells = NULL) {
  Z <- cbind(X, model.matrix(~ factor(periods)))
  if (!is.null(cells)) {
    within <- function(z) z - ave(z, cells)
    y <- within(y)
    Z <- apply(Z, 2, within)
  }
  independent <- qr(Z)
  Z <- Z[, independent$pivot[seq_len(independent$rank)]]
  G <- length(unique(cluster))
  take <- 1:ncol(X)
  A <- crossprod(Z)
  c <- crossprod(Z, y)
  bread <- solve(A)
  b <- drop(bread %*% c)
  scores <- rowsum(Z * drop(y - Z %*% b), cluster)
  factor <- G / (G - 1) * (length(y) - 1) / (length(y) - ncol(Z) - !is.null(cells))
  without <- function(g) {
    z <- Z[cluster == g, ]
    solve(A - crossprod(z), c - crossprod(z, y[cluster == g]))[take]
  }
  apart <- matrix(sapply(unique(cluster), without) - b[take], ncol = ncol(X), byrow = TRUE)
  list(b = setNames(b[take], colnames(X)), n = length(y), G = G,
       crv1 = factor * (bread %*% crossprod(scores) %*% bread)[take, take, drop = FALSE],
       apart = apart, crv3 = (G - 1) / G * crossprod(apart))
}

#' A sum of coefficients with its jackknife interval, t with G - 1 degrees of freedom.
jackknife <- function(name, fit, weights) {
  value <- sum(weights * fit$b)
  error <- sqrt(drop(weights %*% fit$crv3 %*% weights))
  half <- qt(0.975, fit$G - 1) * error
  result(name, value, value - half, value + half, error, n = fit$n,
         p_value = 2 * pt(-abs(value) / error, fit$G - 1))
}

#' The first coefficient with both errors; its set and p are bootstraps and are not repeated here.
both_errors <- function(name, fit) {
  result(name, fit$b[[1]], NA, NA, sqrt(fit$crv1[1, 1]), sqrt(fit$crv3[1, 1]), n = fit$n)
}

# ---- Chapter 05: other countries ---------------------------------------------------------------
COUNTRIES <- c("IDN", "MYS", "THA", "VNM", "PHL", "IND", "KOR", "TWN", "JPN", "CHN", "DEU", "FRA",
               "ITA", "ESP", "GBR", "USA", "AUS", "BRA", "TUR")

#' Country-months with PMI, stringency (per ten points), cases and four forms of deaths.
#' Before 2020 there was no pandemic: stringency, cases and deaths are zero.
country_months <- function() {
  d <- read_table("country_monthly")
  d <- d[d$country_iso3 %in% COUNTRIES, ]
  zero <- function(z) ifelse(d$month < "2020-01", 0, z)
  people <- read_table("population", "raw")
  deaths <- pmax(zero(d$new_deaths), 0) # one revision is negative, after the sample
  peak <- ave(deaths, d$country_iso3, FUN = function(z) max(z, na.rm = TRUE))
  per_head <- 1e6 * deaths / people$population[match(d$country_iso3, people$country_iso3)]
  values <- cbind(level = zero(d$stringency) / 10, cases = log1p(zero(d$new_cases)),
                  share_of_peak = deaths / peak, per_million = per_head, root = sqrt(per_head),
                  log_deaths = log1p(deaths))
  place <- match(paste(d$country_iso3, moved(d$month, -1)), paste(d$country_iso3, d$month))
  before <- values[place, ]
  before[d$month <= "2020-01", ] <- 0
  colnames(before) <- paste0(colnames(values), "_before")
  cbind(d[c("country_iso3", "month", "pmi")], values, before,
        change = values[, "level"] - before[, "level_before"])
}

#' Ten points more on the index of restrictions, in the month: country and month effects.
country_panel <- function(all) {
  d <- all[all$month >= "2019-07" & all$month <= "2022-06" & !is.na(all$pmi), ]
  own <- d$country_iso3
  both <- cbind(tightening = pmax(d$change, 0), easing = pmin(d$change, 0))
  beside <- as.matrix(d[c("level", "cases", "cases_before")])
  one <- panel_fit(d$pmi, cbind(change = d$change, beside), own, d$month, own)
  two <- panel_fit(d$pmi, cbind(both, beside), own, d$month, own)
  named <- function(fit, name) jackknife(paste0("panel.", name), fit, names(fit$b) == name)
  rbind(named(one, "change"), named(one, "level"), named(two, "tightening"), named(two, "easing"),
        both_errors("panel.change_is_zero", one))
}

#' What a wave like Indonesia's goes with elsewhere, in sixteen forms, and the rest of the gap.
wave <- function(all, event) {
  gap <- event$rows$value[event$rows$name == "pmi.ppkm_2021.mean"]
  in_sample <- all$month >= "2019-07" & all$month <= "2022-06"
  own <- all[in_sample & all$country_iso3 == "IDN" & all$month >= "2020-03", ]
  inside <- own$month %in% EPISODES$ppkm_2021
  d <- all[in_sample & all$country_iso3 != "IDN" & !is.na(all$pmi), ]
  rows <- NULL
  forms <- c("share_of_peak", "per_million", "root", "log_deaths")
  for (form in forms) for (lag in 0:1) for (era in 0:1) {
    terms <- c(form, if (lag) paste0(form, "_before"))
    cells <- if (era) paste(d$country_iso3, d$month >= "2020-03") else d$country_iso3
    X <- as.matrix(d[c(terms, "change", "level")])
    fit <- panel_fit(d$pmi, X, d$country_iso3, d$month, cells)
    # With a level of its own since March 2020 a wave is counted from the other months since then.
    dose <- colMeans(own[inside, terms, drop = FALSE]) -
      era * colMeans(own[!inside, terms, drop = FALSE])
    name <- paste0("wave.", form, if (lag) "_lag", if (era) "_era")
    found <- jackknife(paste0(name, ".wave"), fit, c(dose, 0, 0))
    change <- jackknife(paste0(name, ".change"), fit, c(dose * 0, 1, 0))
    rest <- rest_of(paste0(name, ".rest"), gap - found$value, event$misses, found$std_error, fit)
    rows <- rbind(rows, found, change, rest)
  }
  of <- function(kind) range(as.matrix(rows[endsWith(rows$name, kind), c("ci_low", "ci_high")]))
  names <- c("envelope.low", "envelope.high", "rest_envelope.low", "rest_envelope.high")
  rbind(rows, result(paste0("wave.", names), c(of(".wave"), of(".rest"))))
}

#' Gap minus wave: misses of placebo windows and an independent t, p as the share that reaches.
rest_of <- function(name, value, misses, error, fit) {
  p <- function(h) {
    tails <- pt((misses - h) / error, fit$G - 1) + pt((-misses - h) / error, fit$G - 1)
    (1 + sum(tails)) / (1 + length(misses))
  }
  half <- uniroot(function(h) p(h) - 0.05, c(0, max(abs(misses)) + 1e3 * error), tol = 1e-13)$root
  result(name, value, value - half, value + half, p_value = p(abs(value)), n = fit$n)
}

# ---- Chapter 06: the employment elasticity -----------------------------------------------------
#' Micro and small industry by province and year, in logarithms; first differences beside.
imk <- function(scale = "total", first = 2018) {
  d <- read_table("imk_panel")
  d <- d[d$scale == scale & d$year >= first, ]
  logs <- log(d[c("workers", "output_idr_mn", "establishments")])
  colnames(logs) <- c("workers_log", "output_log", "establishments_log")
  before <- match(paste(d$unit, d$year - 1), paste(d$unit, d$year))
  changes <- setNames(logs[1:2] - logs[before, 1:2], c("workers_change", "output_change"))
  cbind(d, logs, changes)
}

#' Log workers on log output with unit and year effects, and its neighbours by the same formula.
elasticities <- function() {
  two_way <- function(d, y = d$workers_log, x = cbind(d$output_log), cells = d$unit) {
    panel_fit(y, x, d$unit, d$year, cells)
  }
  differences <- function(d) {
    d <- d[!is.na(d$output_change), ]
    two_way(d, d$workers_change, cbind(d$output_change), NULL)
  }
  d <- imk()
  whole <- imk(first = 2013)
  fits <- list(
    twfe = two_way(d),
    without_flagged = two_way(d[tolower(d$flagged) != "true", ]),
    first_difference = differences(d),
    intensive = two_way(d, x = cbind(d$output_log, d$establishments_log)),
    margin.extensive = two_way(d, d$establishments_log),
    margin.intensive = two_way(d, d$workers_log - d$establishments_log),
    pooled = two_way(d, cells = NULL),
    twfe.micro = two_way(imk("micro")), twfe.small = two_way(imk("small")),
    twfe.all_years = two_way(whole),
    first_difference.all_years = differences(whole)
  )
  reverse <- both_errors("", two_way(d, d$output_log, cbind(d$workers_log)))
  rbind(do.call(rbind, Map(both_errors, paste0("elasticity.", names(fits)), fits)),
        result("elasticity.reverse_bound", 1 / reverse$value,
               std_error = reverse$std_error / reverse$value^2, n = reverse$n),
        shared_weights(d))
}

#' The lower bound: workers and output, both per establishment, on output; the ratio and its set.
#' The set holds every b at which n - b s is not significant (Fieller), errors by the jackknife.
shared_weights <- function(d) {
  fits <- lapply(c("workers_log", "output_log"), function(outcome) {
    panel_fit(d[[outcome]] - d$establishments_log, cbind(d$output_log), d$unit, d$year, d$unit)
  })
  G <- fits[[1]]$G
  V <- (G - 1) / G * crossprod(cbind(fits[[1]]$apart, fits[[2]]$apart))
  n <- fits[[1]]$b
  s <- fits[[2]]$b
  square <- qt(0.975, G - 1)^2
  curve <- c(n^2 - square * V[1, 1], -2 * (n * s - square * V[1, 2]), s^2 - square * V[2, 2])
  ends <- sort(Re(polyroot(curve)))
  error <- sqrt(V[1, 1] - 2 * n / s * V[1, 2] + (n / s)^2 * V[2, 2]) / abs(s)
  result("elasticity.shared_weights_bound", n / s, ends[1], ends[2], error, n = nrow(d))
}

# ---- Chapter 07: from the PMI, or an order, to workers -----------------------------------------
#' The law of a Newey-West t with bandwidth b = S/T (Kiefer and Vogelsang): P(|t| > c).
#' The limit is normal over the root of a quadratic form in a Brownian bridge (here on 400 points);
#' Imhof's integral gives its probabilities.
fixed_b <- function(b) {
  K <- pmax(1 - abs(outer(1:400, 1:400, "-")) / (b * 400), 0)
  center <- diag(400) - 1 / 400
  lambda <- eigen(center %*% K %*% center / 400, symmetric = TRUE, only.values = TRUE)$values
  function(c) {
    w <- c(1, -c^2 * lambda[lambda > 1e-12])
    integrand <- function(v) {
      z <- outer(w / max(abs(w)), exp(v))
      sin(colSums(atan(z)) / 2) * exp(-colSums(log1p(z^2)) / 4)
    }
    0.5 + integrate(integrand, -30, 30, rel.tol = 1e-10, subdivisions = 2000)$value / pi
  }
}

#' A slope with Newey-West errors, S = ceiling(1.3 root T), and their fixed-b law.
slope <- function(name, y, x) {
  n <- length(y)
  X <- cbind(1, x)
  fit <- lm.fit(X, y)
  score <- X * fit$residuals
  S <- ceiling(1.3 * sqrt(n))
  omega <- t(score) %*% pmax(1 - abs(outer(1:n, 1:n, "-")) / S, 0) %*% score
  bread <- solve(crossprod(X))
  value <- fit$coefficients[[2]]
  error <- sqrt((bread %*% omega %*% bread)[2, 2])
  law <- fixed_b(round(S / n, 6))
  half <- error * uniroot(function(c) law(c) - 0.05, c(1.5, 6), tol = 1e-12)$root
  result(name, value, value - half, value + half, error, p_value = law(value / error), n = n)
}

#' Growth of manufacturing on the PMI's mean of four quarters; IMK growth on manufacturing's.
bridge <- function() {
  quarter_of <- function(m) paste0(substr(m, 1, 4), "Q", (as.integer(substr(m, 6, 7)) + 2) %/% 3)
  count <- function(q) 4 * as.integer(substr(q, 1, 4)) + as.integer(substr(q, 6, 6))
  d <- read_table("indonesia_monthly")
  d <- d[!is.na(d$pmi) & d$month >= "2012-03", ]
  mean_of <- tapply(d$pmi, quarter_of(d$month), function(z) if (length(z) >= 2) mean(z) else NA)
  growth <- read_table("manufacturing_growth")
  place <- outer(count(growth$quarter), 0:3, "-")
  pmi <- rowMeans(matrix(mean_of[match(place, count(names(mean_of)))], ncol = 4))
  g <- growth$growth_yoy_pct
  used <- !is.na(pmi) & !is.na(g)
  calm <- used & substr(growth$quarter, 1, 4) != "2020"
  imk <- subset(read_table("imk_quarterly_growth", "raw"),
                region == "Indonesia" & scale == "IMK" & quarter != "annual")
  imk <- imk[order(imk$year, imk$quarter), ]
  imk$whole <- g[match(paste0(imk$year, "Q", imk$quarter), growth$quarter)]
  imk <- imk[!is.na(imk$growth_yoy_pct) & !is.na(imk$whole), ]
  rbind(slope("chain.bridge.all", g[used], pmi[used]),
        slope("chain.bridge.without_2020", g[calm], pmi[calm]),
        slope("chain.pass_through.manufacturing", imk$growth_yoy_pct, imk$whole))
}

#' Workers (persons), output (million IDR) and establishments of IMK in a year.
imk_year <- function(year) {
  d <- imk(first = year)
  colSums(d[d$year == year, c("workers", "output_idr_mn", "establishments")])
}

#' The chain: deviations of July to September 2021, a twelfth of the bridge, pass-through of one.
chain <- function(found) {
  value <- function(...) sum(found$value[found$name %in% paste0(...)])
  points <- value("pmi.ppkm_2021.", c("2021-07", "2021-08", "after.2021-09"))
  workers <- function(by, slope = "all") {
    imk_year(2021)[["workers"]] * points * value("chain.bridge.", slope) / 1200 *
      value("elasticity.", by)
  }
  names <- c("pmi_points", "output_pct", "workers", "workers.without_2020",
             "workers.without_flagged", "workers.intensive", "workers.lower_bound")
  result(paste0("chain.", names), c(
    points, points * value("chain.bridge.all") / 12, workers("twfe"),
    workers("twfe", "without_2020"), workers("without_flagged"), workers("intensive"),
    workers("shared_weights_bound")))
}

#' Orders of state enterprises: a scenario, arithmetic on the stated inputs.
orders <- function(found) {
  irio <- c("10" = 13, "11" = 13, "12" = 14, "13" = 15, "14" = 15, "15" = 16, "16" = 17, "17" = 18,
            "18" = 18, "19" = 12, "20" = 19, "21" = 19, "22" = 20, "23" = 21, "24" = 22, "25" = 23,
            "26" = 23, "27" = 23, "28" = 24, "29" = 25, "30" = 25, "31" = 26, "32" = 27, "33" = 27)
  kbli <- subset(read_table("imk_kbli", "raw"),
                 scale == "total" & year == 2021 & value_added_mn_idr > 0)
  share <- kbli$value_added_mn_idr / sum(kbli$value_added_mn_idr)
  table <- read_table("io_multipliers", "raw")
  multiplier <- sum(share * table$output_multiplier_national_weighted[
    match(paste0("I-", irio[as.character(kbli$kbli2)]), table$irio_code)])
  reach <- function(share) share * (1 - 0.1) * (1 + (multiplier - 1) * 0.084)
  e <- setNames(found$value, found$name)[c("elasticity.shared_weights_bound", "elasticity.twfe")]
  scenario <- function(name, year, order_mn, share_manufacturing = 0.3) {
    output <- order_mn * reach(share_manufacturing)
    jobs <- imk_year(year)[["workers"]] * e * output / imk_year(year)[["output_idr_mn"]]
    result(paste0("bumn.", name, c(".output_idr_mn", ".workers", ".workers.twfe")), c(output, jobs))
  }
  spent <- read_table("bumn_umkm", "raw")
  tn <- function(what) 1e6 * as.numeric(spent$value[startsWith(spent$measure, what)])
  base <- as.list(imk_year(2021))
  names <- c("bumn.break_even_tn_idr", "bumn.break_even_tn_idr.twfe", "bumn.pilot.size_ratio",
             "bumn.partners", "claim.workers")
  rbind(
    scenario("pilot", 2021, 52230, 1),
    scenario("padi_2021", 2021, tn("PaDi UMKM transactions, cumulative to Aug 2021")),
    scenario("padi_2022", 2022, tn("BUMN spending on UMKM through PaDi, full year")),
    scenario("umkm_2023", 2023, tn("BUMN spending on UMKM products, full year")),
    scenario("reserve", 2022, 0.1 * tn("total BUMN")),
    result(names, c(base$output_idr_mn / (1e8 * e * reach(0.3)),
                    52230 / 9 / (base$output_idr_mn / base$establishments),
                    sum(read_table("imk_partnership_2025", "raw")$partnership_yes), base$workers))
  )
}

# ---- Chapter 10: another survey ----------------------------------------------------------------
#' Bank Indonesia's survey of the quarter, and its firms' miss ranked among all their forecasts.
second_survey <- function() {
  d <- read_table("indonesia_monthly")
  of <- function(first, last) mean(d$pmi[d$month >= first & d$month <= last])
  bank <- subset(read_table("pmi_bi_quarterly", "raw"), item == "total")
  by_quarter <- function(kind) with(bank[bank$kind == kind, ], setNames(value, quarter))
  headline <- by_quarter("headline")
  forecast <- by_quarter("forecast")
  miss <- na.omit(headline[names(forecast)] - forecast)
  rank <- function(name, z) {
    result(name, z[["2021Q3"]], p_value = mean(abs(z) >= abs(z[["2021Q3"]]) - 1e-9), n = length(z))
  }
  changes <- c(of("2021-07", "2021-09") - of("2021-04", "2021-06"),
               headline[["2021Q3"]] - headline[["2021Q2"]], mean(miss))
  rbind(result(paste0("survey.", c("pmi.change", "pmi_bi.change", "pmi_bi.mean_miss")), changes),
        rank("survey.pmi_bi.miss", miss), rank("survey.pmi_bi.miss_less_mean", miss - mean(miss)))
}

# ---- All of it ---------------------------------------------------------------------------------
headlines <- function() {
  months <- indonesia()
  event <- event_study(months)
  world <- country_months()
  found <- rbind(event$rows, dose(months), structural_model(), twin(), country_panel(world),
                 wave(world, event), elasticities(), bridge(), second_survey())
  rbind(found, chain(found), orders(found))
}

write.csv(headlines(), row.names = FALSE, quote = FALSE, na = "")
