internal import SwiftProtobuf

extension CircuitBreakers {
    init(_ breakers: Envoy_Config_Cluster_V3_CircuitBreakers, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(breakers)
        self.init()
        for (index, message) in breakers.thresholds.enumerated() {
            let path = path.item("thresholds", index)
            try path.refuseUnknown(message)
            let standard = Thresholds()
            let limits = Thresholds(
                connectionsMax: message.hasMaxConnections ? message.maxConnections.value : standard.connectionsMax,
                pendingRequestsMax: message.hasMaxPendingRequests
                    ? message.maxPendingRequests.value : standard.pendingRequestsMax,
                requestsMax: message.hasMaxRequests ? message.maxRequests.value : standard.requestsMax,
                retriesMax: message.hasMaxRetries ? message.maxRetries.value : standard.retriesMax,
                connectionPoolsMax: message.hasMaxConnectionPools ? message.maxConnectionPools.value : nil,
                retryBudget: message.hasRetryBudget
                    ? try RetryBudget(message.retryBudget, at: path.child("retry_budget")) : nil
            )
            switch message.priority {
            case .default: normal = limits
            case .high: throw path.child("priority").error("HIGH is not supported")
            case .UNRECOGNIZED: throw path.child("priority").error("unknown value")
            }
        }
        for message in breakers.perHostThresholds where message.hasMaxConnections {
            connectionsPerHostMax = message.maxConnections.value
        }
    }
}

extension CircuitBreakers.RetryBudget {
    init(
        _ budget: Envoy_Config_Cluster_V3_CircuitBreakers.Thresholds.RetryBudget,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(budget)
        self.init(
            percent: budget.hasBudgetPercent ? budget.budgetPercent.value : 20,
            concurrencyMin: budget.hasMinRetryConcurrency ? budget.minRetryConcurrency.value : 3
        )
        guard (0...100).contains(percent) else { throw path.child("budget_percent").error("not in 0...100") }
    }
}

extension OutlierDetection {
    init(_ message: Envoy_Config_Cluster_V3_OutlierDetection, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(message)
        self.init()
        if message.hasConsecutive5Xx { consecutive5xx = message.consecutive5Xx.value }
        if message.hasConsecutiveGatewayFailure {
            consecutiveGatewayFailure = message.consecutiveGatewayFailure.value
        }
        if message.hasConsecutiveLocalOriginFailure {
            consecutiveLocalOriginFailure = message.consecutiveLocalOriginFailure.value
        }
        splitsLocalOriginErrors = message.splitExternalLocalOriginErrors
        try applyTimes(message, at: path)
        try applyPercentages(message, at: path)
        if message.hasSuccessRateMinimumHosts { successRateMinimumHosts = message.successRateMinimumHosts.value }
        if message.hasSuccessRateRequestVolume { successRateRequestVolume = message.successRateRequestVolume.value }
        if message.hasSuccessRateStdevFactor { successRateDeviationFactor = message.successRateStdevFactor.value }
        if message.hasFailurePercentageMinimumHosts {
            failurePercentageMinimumHosts = message.failurePercentageMinimumHosts.value
        }
        if message.hasFailurePercentageRequestVolume {
            failurePercentageRequestVolume = message.failurePercentageRequestVolume.value
        }
        if message.hasSuccessfulActiveHealthCheckUnejectHost {
            isEndedByHealthCheck = message.successfulActiveHealthCheckUnejectHost.value
        }
        alwaysEjectsOne = message.alwaysEjectOneHost.value
    }

    private mutating func applyTimes(
        _ message: Envoy_Config_Cluster_V3_OutlierDetection,
        at path: FieldPath
    ) throws(DecodeError) {
        interval = try path.duration(message.hasInterval ? message.interval : nil, "interval", default: interval)
        guard interval > .zero else { throw path.child("interval").error("must be longer than zero") }
        baseEjectionTime = try path.duration(
            message.hasBaseEjectionTime ? message.baseEjectionTime : nil,
            "base_ejection_time",
            default: baseEjectionTime
        )
        ejectionTimeMax = try path.duration(
            message.hasMaxEjectionTime ? message.maxEjectionTime : nil,
            "max_ejection_time",
            default: max(ejectionTimeMax, baseEjectionTime)
        )
        ejectionTimeJitterMax = try path.duration(
            message.hasMaxEjectionTimeJitter ? message.maxEjectionTimeJitter : nil,
            "max_ejection_time_jitter",
            default: .zero
        )
    }

    private mutating func applyPercentages(
        _ message: Envoy_Config_Cluster_V3_OutlierDetection,
        at path: FieldPath
    ) throws(DecodeError) {
        if message.hasMaxEjectionPercent {
            ejectionPercentMax = try path.percent(message.maxEjectionPercent.value, "max_ejection_percent")
        }
        if message.hasEnforcingConsecutive5Xx {
            let name = "enforcing_consecutive_5xx"
            enforcingConsecutive5xx = try path.percent(message.enforcingConsecutive5Xx.value, name)
        }
        if message.hasEnforcingConsecutiveGatewayFailure {
            let name = "enforcing_consecutive_gateway_failure"
            let value = message.enforcingConsecutiveGatewayFailure.value
            enforcingConsecutiveGatewayFailure = try path.percent(value, name)
        }
        if message.hasEnforcingConsecutiveLocalOriginFailure {
            let name = "enforcing_consecutive_local_origin_failure"
            let value = message.enforcingConsecutiveLocalOriginFailure.value
            enforcingConsecutiveLocalOriginFailure = try path.percent(value, name)
        }
        if message.hasEnforcingSuccessRate {
            enforcingSuccessRate = try path.percent(message.enforcingSuccessRate.value, "enforcing_success_rate")
        }
        if message.hasEnforcingLocalOriginSuccessRate {
            let name = "enforcing_local_origin_success_rate"
            let value = message.enforcingLocalOriginSuccessRate.value
            enforcingLocalOriginSuccessRate = try path.percent(value, name)
        }
        if message.hasEnforcingFailurePercentageLocalOrigin {
            let name = "enforcing_failure_percentage_local_origin"
            let value = message.enforcingFailurePercentageLocalOrigin.value
            enforcingFailurePercentageLocalOrigin = try path.percent(value, name)
        }
        if message.hasFailurePercentageThreshold {
            let name = "failure_percentage_threshold"
            failurePercentageThreshold = try path.percent(message.failurePercentageThreshold.value, name)
        }
        if message.hasEnforcingFailurePercentage {
            let name = "enforcing_failure_percentage"
            enforcingFailurePercentage = try path.percent(message.enforcingFailurePercentage.value, name)
        }
    }
}
