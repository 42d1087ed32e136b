internal import ArgumentParser

@main struct Gatehouse: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse",
        abstract: "A REST-managed gateway appliance and service mesh."
    )
}
