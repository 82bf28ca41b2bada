//! Deployments to CronJobs, budgets, garbage: pods come and go, as pure reconcilers.
