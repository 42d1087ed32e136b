extension ResourceKind {
    private typealias Column = KindDescriptor.Column

    /// In the order of `allCases`, which a test holds.
    static let table: [KindDescriptor] = core + networking + own + access

    private static let name = Column(name: "Name", type: "string", path: ".metadata.name", priority: 0)
    private static let age = Column(name: "Age", type: "date", path: ".metadata.creationTimestamp", priority: 0)
    private static let programmed = Column(
        name: "Programmed",
        type: "string",
        path: "@condition.Programmed",
        priority: 0
    )

    private static func text(_ name: String, _ path: String, wide: Bool = false) -> Column {
        Column(name: name, type: "string", path: path, priority: wide ? 1 : 0)
    }

    private static func describe<Spec: FieldObject>(
        _ kind: ResourceKind,
        _ group: String,
        _ versions: [String],
        _ plural: String,
        _ spec: Spec.Type,
        short: [String] = [],
        categories: [String] = [],
        hasSpec: Bool = true,
        hasStatus: Bool = true,
        columns: [KindDescriptor.Column] = []
    ) -> KindDescriptor {
        KindDescriptor(
            kind: kind,
            group: group,
            versions: versions,
            plural: plural,
            singular: kind.rawValue.lowercased(),
            shortNames: short,
            categories: categories,
            isNamespaced: kind.isNamespaced,
            hasStatus: hasStatus,
            hasSpec: hasSpec,
            columns: [name] + columns + [age],
            schema: { Spec.schema }
        )
    }

    private static let core: [KindDescriptor] = [
        describe(
            .namespace,
            "",
            ["v1"],
            "namespaces",
            NamespaceSpec.self,
            short: ["ns"],
            columns: [text("Status", ".status.phase")]
        ),
        describe(
            .secret,
            "",
            ["v1"],
            "secrets",
            SecretSpec.self,
            hasSpec: false,
            hasStatus: false,
            columns: [text("Type", ".type"), text("Subject", "@secret.subject"), text("Expires", "@secret.expires")]
        ),
        describe(
            .configMap,
            "",
            ["v1"],
            "configmaps",
            ConfigMapSpec.self,
            short: ["cm"],
            hasSpec: false,
            hasStatus: false,
            columns: [text("Data", "@count.data")]
        ),
        describe(
            .service,
            "",
            ["v1"],
            "services",
            ServiceSpec.self,
            short: ["svc"],
            categories: ["all"],
            columns: [
                text("Type", ".spec.type"), text("Cluster-IP", ".spec.clusterIP"), text("Port(s)", "@service.ports"),
                text("Selector", ".spec.selector", wide: true),
            ]
        ),
        describe(
            .endpoints,
            "",
            ["v1"],
            "endpoints",
            EndpointsSpec.self,
            short: ["ep"],
            hasSpec: false,
            hasStatus: false,
            columns: [text("Endpoints", "@endpoints.addresses")]
        ),
        describe(
            .serviceAccount,
            "",
            ["v1"],
            "serviceaccounts",
            ServiceAccountSpec.self,
            short: ["sa"],
            hasSpec: false,
            hasStatus: false
        ),
        describe(
            .event,
            "",
            ["v1"],
            "events",
            OpaqueSpec.self,
            short: ["ev"],
            hasSpec: false,
            hasStatus: false,
            columns: [text("Type", ".type"), text("Reason", ".reason"), text("Message", ".message")]
        ),
        describe(
            .endpointSlice,
            "discovery.k8s.io",
            ["v1"],
            "endpointslices",
            EndpointSliceSpec.self,
            hasSpec: false,
            hasStatus: false,
            columns: [text("AddressType", ".addressType"), text("Endpoints", "@endpoints.addresses")]
        ),
    ]

    private static func istio<Spec: FieldObject>(
        _ kind: ResourceKind,
        _ plural: String,
        _ spec: Spec.Type,
        short: [String] = [],
        versions: [String] = ["v1", "v1beta1", "v1alpha3"],
        columns: [KindDescriptor.Column] = []
    ) -> KindDescriptor {
        describe(
            kind,
            "networking.istio.io",
            versions,
            plural,
            spec,
            short: short,
            categories: ["istio-io", "networking-istio-io"],
            columns: columns + [programmed]
        )
    }

    private static let networking: [KindDescriptor] = [
        istio(.gateway, "gateways", GatewaySpec.self, short: ["gw"]),
        istio(
            .virtualService,
            "virtualservices",
            VirtualServiceSpec.self,
            short: ["vs"],
            columns: [text("Gateways", ".spec.gateways"), text("Hosts", ".spec.hosts")]
        ),
        istio(
            .destinationRule,
            "destinationrules",
            DestinationRuleSpec.self,
            short: ["dr"],
            columns: [text("Host", ".spec.host")]
        ),
        istio(
            .serviceEntry,
            "serviceentries",
            ServiceEntrySpec.self,
            short: ["se"],
            columns: [
                text("Hosts", ".spec.hosts"), text("Location", ".spec.location"),
                text("Resolution", ".spec.resolution"),
            ]
        ),
        istio(.sidecar, "sidecars", SidecarSpec.self),
        istio(
            .workloadEntry,
            "workloadentries",
            WorkloadEntrySpec.self,
            short: ["we"],
            columns: [text("Address", ".spec.address")]
        ),
        istio(.workloadGroup, "workloadgroups", WorkloadGroupSpec.self, short: ["wg"]),
        istio(.proxyConfig, "proxyconfigs", ProxyConfigSpec.self, versions: ["v1beta1"]),
    ]

    private static let own: [KindDescriptor] = [
        describe(
            .meshConfig,
            "gatehouse.io",
            ["v1"],
            "meshconfigs",
            MeshConfigSpec.self,
            categories: ["gatehouse"],
            columns: [
                text("Outbound", ".spec.outboundTrafficPolicy.mode"),
                text("Trust-Domain", ".spec.trustDomain", wide: true), programmed,
            ]
        ),
        describe(
            .edgePolicy,
            "gatehouse.io",
            ["v1"],
            "edgepolicies",
            EdgePolicySpec.self,
            short: ["edge"],
            categories: ["gatehouse"],
            columns: [
                text("Gateway", ".spec.targetRef.name"), text("Section", ".spec.targetRef.sectionName"), programmed,
            ]
        ),
        describe(
            .healthCheckPolicy,
            "gatehouse.io",
            ["v1"],
            "healthcheckpolicies",
            HealthCheckPolicySpec.self,
            short: ["hcp"],
            categories: ["gatehouse"],
            columns: [text("Host", ".spec.host"), text("Subset", ".spec.subset"), programmed]
        ),
        describe(
            .routePolicy,
            "gatehouse.io",
            ["v1"],
            "routepolicies",
            RoutePolicySpec.self,
            categories: ["gatehouse"],
            columns: [
                text("VirtualService", ".spec.targetRef.name"), text("Section", ".spec.targetRef.sectionName"),
                programmed,
            ]
        ),
    ]

    private static func access<Spec: FieldObject>(
        _ kind: ResourceKind,
        _ plural: String,
        _ spec: Spec.Type,
        columns: [KindDescriptor.Column] = []
    ) -> KindDescriptor {
        describe(
            kind,
            "rbac.authorization.k8s.io",
            ["v1"],
            plural,
            spec,
            hasSpec: false,
            hasStatus: false,
            columns: columns
        )
    }

    private static let access: [KindDescriptor] = [
        access(.role, "roles", RoleSpec.self),
        access(.clusterRole, "clusterroles", ClusterRoleSpec.self),
        access(.roleBinding, "rolebindings", RoleBindingSpec.self, columns: [text("Role", ".roleRef.name")]),
        access(
            .clusterRoleBinding,
            "clusterrolebindings",
            ClusterRoleBindingSpec.self,
            columns: [text("Role", ".roleRef.name")]
        ),
    ]
}
